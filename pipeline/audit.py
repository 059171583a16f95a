"""Who looked at restricted data: an entry for each look, which nothing here changes or deletes."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import secrets
import socket
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from lakehouse.lake import Lake


class Look(Struct, frozen=True):
    """A look at restricted data: when (UTC), by whom, with what command, at which tables or whom (by keyed hash)."""

    at: dt.datetime
    who: str
    command: str
    what: tuple[str, ...]


def restricted_tables(lake: Lake) -> frozenset[str]:
    """Tables that hold clear personal data."""
    return frozenset(each.identifier for each in lake.declarations.tables.values() if each.restricted)


def note_look(lake: Lake, command: str, what: Iterable[str], now: dt.datetime) -> None:
    """Write an entry, before the data is shown: where that fails, nothing is shown.

    Raises:
        StorageError: when it cannot be written.
    """
    name = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
    who = f"{getpass.getuser()}@{socket.gethostname()} ({os.getpid()})"
    lake.audit.write(name, msgspec.json.encode(Look(now, who, command, tuple(sorted(what)))), exclusive=True)


def looks(lake: Lake) -> list[Look]:
    """Every entry, the oldest first."""
    read = (lake.audit.read(name) for name in lake.audit.names())
    return [msgspec.json.decode(data, type=Look) for data in read if data is not None]
