"""The durable event log: what the door took in and the lander has not yet made into raw objects."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contracts.errors import StorageError

_HOUR: Final = dt.timedelta(hours=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_WAIT_SECONDS: Final = 60.0

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS events (
        offset INTEGER PRIMARY KEY AUTOINCREMENT,
        bus TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        record BLOB NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS landings (
        raw_object TEXT PRIMARY KEY,
        bus TEXT NOT NULL,
        hour INTEGER NOT NULL,
        first_offset INTEGER NOT NULL,
        last_offset INTEGER NOT NULL,
        records INTEGER NOT NULL,
        is_landed INTEGER NOT NULL DEFAULT 0)""",
)
_OF_LANDING: Final = "offset BETWEEN ? AND ? AND bus = ? AND received_at >= ? AND received_at < ?"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits in the log, by its measures."""

    offset: int
    bus: str
    received_at: dt.datetime
    size: int


@dataclass(frozen=True, slots=True)
class Landing:
    """The decision to land the records of one bus and arrival hour between two offsets, both included."""

    raw_object: str
    bus: str
    hour: dt.datetime
    first_offset: int
    last_offset: int
    records: int


class EventLog:
    """Records in SQLite, in order of arrival. One instance serves one thread; processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open the log at `path`, or make it.

        Raises:
            StorageError: when the file cannot be opened or made.
        """
        self.path = path
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._prepare()

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        for statement in _SCHEMA:
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

    def append(self, records: Sequence[bytes], *, bus: str, received_at: dt.datetime) -> range:
        """Append records in one transaction; they are on the disk, all of them, when this returns.

        Args:
            records: one envelope each, without newline.
            bus: the bus they came by.
            received_at: when they came; a time with zone.

        Returns:
            Their offsets, in the order given.

        Raises:
            StorageError: when the disk is full or read-only; then none of them is in the log.
        """
        if not records:
            return range(0)
        at = _microseconds(received_at)
        with self._writing():
            self._connection.executemany(
                "INSERT INTO events (bus, received_at, record) VALUES (?, ?, ?)",
                ((bus, at, record) for record in records),
            )
            (last,) = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
            ).fetchone()
        return range(last - len(records) + 1, last + 1)

    def __len__(self) -> int:
        """Records that wait."""
        with self._guarded():
            (count,) = self._connection.execute("SELECT count(*) FROM events").fetchone()
            return int(count)

    def depth(self) -> int:
        """How far the log reaches from the first record that waits to the last: about how many wait, at no cost."""
        query = "SELECT coalesce(max(offset) - min(offset) + 1, 0) FROM events"
        with self._guarded():
            (depth,) = self._connection.execute(query).fetchone()
            return int(depth)

    def planned(self) -> list[Landing]:
        """Landings that were decided and are not done."""
        with self._guarded():
            return self._planned()

    def plan(self, cut: Callable[[Iterator[Waiting]], list[Landing]]) -> list[Landing]:
        """Let `cut` decide what of the waiting records to land, and record the decision.

        While other landings are planned, those are returned and `cut` is not asked: a record belongs to one landing.
        """
        with self._writing():
            if before := self._planned():
                return before
            landings = cut(self._waiting())
            self._connection.executemany(
                "INSERT INTO landings (raw_object, bus, hour, first_offset, last_offset, records) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (x.raw_object, x.bus, _microseconds(x.hour), x.first_offset, x.last_offset, x.records)
                    for x in landings
                ],
            )
        return landings

    def records(self, landing: Landing) -> list[bytes]:
        """The landing's records in order of arrival; none when it is done."""
        query = f"SELECT record FROM events WHERE {_OF_LANDING} ORDER BY offset"
        with self._guarded():
            return [record for (record,) in self._connection.execute(query, _bounds(landing))]

    def landed(self, landing: Landing) -> None:
        """Mark the landing done and delete its records, in one transaction."""
        with self._writing():
            self._connection.execute(f"DELETE FROM events WHERE {_OF_LANDING}", _bounds(landing))
            self._connection.execute(
                "UPDATE landings SET is_landed = 1 WHERE raw_object = ?", (landing.raw_object,)
            )

    def reclaim(self) -> None:
        """Give freed pages back to the disk once most are free, so that landed records do not linger in the file."""
        with self._guarded():
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            if free > pages // 2:  # what is copied is then less than what was landed
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _planned(self) -> list[Landing]:
        query = (
            "SELECT raw_object, bus, hour, first_offset, last_offset, records FROM landings "
            "WHERE NOT is_landed ORDER BY first_offset"
        )
        rows = self._connection.execute(query).fetchall()
        return [
            Landing(name, bus, _time(hour), first, last, records)
            for name, bus, hour, first, last, records in rows
        ]

    def _waiting(self) -> Iterator[Waiting]:
        rows = self._connection.execute(
            "SELECT offset, bus, received_at, length(record) FROM events ORDER BY offset"
        )
        for offset, bus, received_at, size in rows:
            yield Waiting(offset, bus, _time(received_at), size)

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
            raise StorageError(f"Event log {self.path} cannot be used ({e}). {advice}") from e


def _bounds(landing: Landing) -> tuple[int, int, str, int, int]:
    start, end = _microseconds(landing.hour), _microseconds(landing.hour + _HOUR)
    return landing.first_offset, landing.last_offset, landing.bus, start, end


def _microseconds(instant: dt.datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _time(microseconds: int) -> dt.datetime:
    return _EPOCH + microseconds * _MICROSECOND
