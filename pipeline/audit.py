"""Who looked at restricted data: an entry for each look, which nothing here changes or deletes."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import re
import secrets
import socket
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from lakehouse.lake import Lake


class Look(Struct, frozen=True):
    """A look at restricted data: when (UTC), by whom, with what command, at which tables or whom (by keyed hash)."""

    at: dt.datetime
    who: str
    command: str
    what: tuple[str, ...]


_RAW: Final = re.compile(r"\braw\W{0,3}\.")


def restricted_in(lake: Lake, sql: str) -> list[str]:
    """Tables with clear personal data, raw among them, of which the name stands in a statement: rather one too many than one too few."""
    text = sql.lower()
    tables = (each for each in lake.declarations.tables.values() if each.restricted)
    named = [each.identifier for each in tables if each.identifier.partition(".")[2] in text]
    return sorted([*named, *(["raw.records"] if _RAW.search(text) else [])])


def note_look(lake: Lake, command: str, what: Sequence[str], now: dt.datetime) -> None:
    """Write an entry, before the data is shown: where that fails, nothing is shown. Nothing is noted where nothing is looked at.

    Raises:
        StorageError: when it cannot be written.
    """
    if not what:
        return
    name = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
    who = f"{_user()}@{socket.gethostname()} ({os.getpid()})"
    lake.audit.write(name, msgspec.json.encode(Look(now, who, command, tuple(what))), exclusive=True)


def _user() -> str:
    """The user's name; in a container, which may know none, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def looks(lake: Lake) -> list[Look]:
    """Every entry, the oldest first."""
    read = (lake.audit.read(name) for name in lake.audit.names())
    return [msgspec.json.decode(data, type=Look) for data in read if data is not None]
