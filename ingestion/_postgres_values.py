"""How PostgreSQL's values stand in JSON: exact, as the database writes them.

Decimals are text; times are ISO 8601, in UTC where they have a zone; json is JSON as it is; bytes are base64; arrays are lists. What
JSON has no form for stays the text the database writes.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from msgspec import Raw
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types import TypeInfo

_FIRST_OF_USERS: Final = 16384
"""PostgreSQL numbers the types of a database from here; those below are its own."""


class _Text(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Json(Loader):
    def load(self, data: Buffer) -> Raw:
        return Raw(bytes(data))


class _Float(Loader):
    def load(self, data: Buffer) -> Raw | str:
        text = bytes(data)
        return text.decode() if text.endswith((b"NaN", b"Infinity")) else Raw(text)


class _Boolean(Loader):
    def load(self, data: Buffer) -> bool:
        return bytes(data) == b"t"


class _Bytes(Loader):
    def load(self, data: Buffer) -> str:
        return base64.b64encode(bytes.fromhex(bytes(data)[2:].decode())).decode()


class _Time(Loader):
    """A time without zone has none here either: whose clock it was, the mapping says."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode().replace(" ", "T", 1)


class _Instant(Loader):
    """The session's zone is UTC."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode().replace(" ", "T", 1)
        return f"{text[:-3]}Z" if text.endswith("+00") else text


_LOADERS: Final[dict[str, type[Loader]]] = {
    "int2": _Json,
    "int4": _Json,
    "int8": _Json,
    "float4": _Float,
    "float8": _Float,
    "bool": _Boolean,
    "json": _Json,
    "jsonb": _Json,
    "bytea": _Bytes,
    "timestamp": _Time,
    "timestamptz": _Instant,
}


def load_as_json(connection: Connection[Any]) -> None:
    """Have a connection give values as they stand in JSON. Its session writes ISO dates, UTC and hex.

    Elements of arrays are values of their own, also where their type is the database's own, as an enum.
    """
    _register(connection.adapters)
    query = "select typname, oid, typarray, typdelim from pg_type where typarray <> 0 and oid >= %s"
    for name, oid, array, delimiter in connection.execute(query, (_FIRST_OF_USERS,)).fetchall():
        TypeInfo(name, int(oid), int(array), delimiter=delimiter).register(connection)


def _register(adapters: AdaptersMap) -> None:
    for known in adapters.types:
        adapters.register_loader(known.oid, _LOADERS.get(known.name, _Text))
