"""Which folders of raw to look into: those whose mark is not the one remembered.

What is remembered only saves work. A folder that is new, was moved in, or got an object has another mark and is looked into;
the ledger then says what is curated already. Without the file everything is looked into once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from contracts.errors import StorageError
from lakehouse.store import Folder, Store


class Listing:
    """Remembers the folders of a raw store as they were when last looked into."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._store = store

    def changed(self, unlisted: int = 0) -> list[Folder]:
        """Folders that are not as remembered; what was remembered before the undo `unlisted` (a release) is forgotten."""
        with self._open() as connection:
            (known,) = connection.execute("pragma user_version").fetchone()
            if known != unlisted:
                connection.execute("delete from listed")
                connection.execute(f"pragma user_version = {unlisted:d}")
            remembered = dict(connection.execute("select folder, modified from listed").fetchall())
        return list(self._store.changed(remembered))

    def remember(self, folders: Iterable[Folder]) -> None:
        """Remember folders whose objects are all in the ledger; one that changed a moment ago is looked at again."""
        rows = [(folder.name, folder.mark) for folder in folders if folder.mark]
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
