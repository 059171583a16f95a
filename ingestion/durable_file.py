"""A SQLite file of records: what is written is on the disk when the call returns."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from contracts.errors import StorageError

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_WAIT_SECONDS: Final = 60.0


class DurableFile:
    """Tables in a file. One instance serves one thread; processes may share the file."""

    what: ClassVar[str]
    """What the file is, for messages."""
    schema: ClassVar[tuple[str, ...]]
    """Statements that make its tables where they are missing."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, or make it.

        Raises:
            StorageError: when it cannot be opened or made.
        """
        self.path = path
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._prepare()

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        for statement in self.schema:
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def reclaim(self) -> None:
        """Give freed pages back to the disk once most are free, so that records taken out do not linger in the file."""
        with self._guarded():
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            if free > pages // 2:  # what is copied is then less than what was taken out
                self._vacuum()

    def vacuum(self) -> None:
        """Leave nothing in the file of what was taken out."""
        with self._guarded():
            self._vacuum()

    def _vacuum(self) -> None:
        self._connection.execute("VACUUM")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite has rolled back already on some failures
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as e:
            advice = "Free space, or mend the disk or its permissions, then run again."
            raise StorageError(f"{self.what} {self.path} cannot be used ({e}). {advice}") from e


def microseconds(instant: dt.datetime) -> int:
    """Microseconds since 1970 of a time with zone."""
    return (instant - _EPOCH) // _MICROSECOND


def time_of(count: int) -> dt.datetime:
    """The time (UTC) that lies `count` microseconds after 1970."""
    return _EPOCH + count * _MICROSECOND
