"""Which folders of raw to look into: those whose time is not the one remembered.

What is remembered only saves work. A folder that is new, was moved in, or got an object has another time and is listed; the
ledger then says what is curated already. Without the file everything is listed once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from contracts.errors import StorageError
from lakehouse.store import FileStore

_SETTLED: Final = 2_000_000_000
"""Nanoseconds after which a folder's time is trusted: clocks of file systems tick coarsely."""

Folders = dict[str, int]
"""Modification times (nanoseconds since 1970) by folder; 0 where the time was not to be trusted yet."""


class Listing:
    """Remembers the folders of a raw store as they were when last listed."""

    def __init__(self, path: Path, store: FileStore) -> None:
        self._path = path
        self._store = store

    def changed(self) -> Folders:
        """Folders that are not as remembered."""
        # as of this listing, since an object that comes later in the same tick moves no time
        settled = time.time_ns() - _SETTLED
        with self._open() as connection:
            remembered = dict(connection.execute("select folder, modified from listed").fetchall())
        return {
            folder: modified if modified < settled else 0
            for folder, modified in self._store.folders()
            if remembered.get(folder) != modified
        }

    def remember(self, folders: Folders) -> None:
        """Remember folders whose objects are all in the ledger; one that changed a moment ago is looked at again."""
        rows = [(folder, modified) for folder, modified in folders.items() if modified]
        if rows:
            with self._open() as connection:
                connection.executemany("insert or replace into listed values (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
                connection.execute(
                    "create table if not exists listed (folder text primary key, modified integer)"
                )
                yield connection
        except sqlite3.OperationalError as e:
            raise StorageError(
                f"{self._path} cannot be used ({e}). Free space or mend permissions, then run again."
            ) from e
