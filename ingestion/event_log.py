"""The durable event log: what the door took in and the lander has not yet made into raw objects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, groupby
from typing import Final

from ingestion.durable_file import DurableFile, microseconds, time_of
from lakehouse.failpoints import reach

_HOUR: Final = dt.timedelta(hours=1)
# One statement for a batch: SQLite lets go of the interpreter's lock for each, and gets it back behind all else that computes.
# A place in the joined records is one number, as that needs no parsing: where a record starts, above the bits of its length.
_LENGTH_BITS: Final = 31
_INSERT: Final = f"""
    INSERT INTO events (bus, received_at, record)
    SELECT ?, ?, substr(?, value >> {_LENGTH_BITS}, value & {(1 << _LENGTH_BITS) - 1}) FROM json_each(?)"""
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


@dataclass(frozen=True, slots=True)
class Returned:
    """A record whose delivery failed and that comes back: its place there, for good, and when it first arrived."""

    place: str
    record: bytes
    received_at: dt.datetime

    @property
    def key(self) -> bytes:
        """A hash of its place and its bytes."""
        return blake2b(self.place.encode() + b"\0" + self.record, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where a table of a source is extracted: a value of its watermark column as the database writes it, and its type."""

    source: str
    table: str
    value: str
    type: str


class EventLog(DurableFile):
    """Records in SQLite, in order of arrival. One instance serves one thread; processes may share the file."""

    what = "Event log"
    schema = (
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
        """CREATE TABLE IF NOT EXISTS redriven (
            key BLOB PRIMARY KEY,
            place TEXT NOT NULL,
            redriven_at INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE IF NOT EXISTS watermarks (
            source TEXT NOT NULL,
            extracted TEXT NOT NULL,
            value TEXT NOT NULL,
            type TEXT NOT NULL,
            PRIMARY KEY (source, extracted)) WITHOUT ROWID""",
    )

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
        at = microseconds(received_at)
        with self._writing():
            self._insert(bus, at, records)
            (last,) = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
            ).fetchone()
        return range(last - len(records) + 1, last + 1)

    def redrive(self, returned: Sequence[Returned], *, bus: str, now: dt.datetime) -> list[Returned]:
        """Append those records that were never redriven, and note that they were, in one transaction.

        Returns:
            Those appended, in the order given.

        Raises:
            StorageError: when the disk is full or read-only; then none of them is in the log, and none noted.
        """
        with self._writing():
            new = [each for each in returned if self._note(each, now)]
            reach("redrive.noted")
            for at, together in groupby(new, lambda each: microseconds(each.received_at)):
                self._insert(bus, at, [each.record for each in together])
        return new

    def note_redriven(self, returned: Sequence[Returned], *, now: dt.datetime) -> None:
        """Note that records were redriven another way than through this log."""
        with self._writing():
            for each in returned:
                self._note(each, now)

    def never_redriven(self, returned: Sequence[Returned]) -> list[Returned]:
        """Those of the records that were never redriven, each once."""
        query = "SELECT 1 FROM redriven WHERE key = ?"
        found = {each.key: each for each in returned}
        with self._guarded():
            return [
                each for key, each in found.items() if not self._connection.execute(query, (key,)).fetchone()
            ]

    def _note(self, each: Returned, now: dt.datetime) -> bool:
        """Note a record as redriven; False where it was before."""
        row = (each.key, each.place, microseconds(now))
        return self._connection.execute("INSERT OR IGNORE INTO redriven VALUES (?, ?, ?)", row).rowcount == 1

    def append_extracted(
        self, records: Sequence[bytes], watermark: Watermark | None, *, bus: str, received_at: dt.datetime
    ) -> None:
        """Append records and set the watermark that covers them, in one transaction.

        Raises:
            StorageError: when the disk is full or read-only; then none of them is in the log, and the watermark is as it was.
        """
        at = microseconds(received_at)
        with self._writing():
            self._insert(bus, at, records)
            reach("extract.appended")
            if watermark:
                row = (watermark.source, watermark.table, watermark.value, watermark.type)
                self._connection.execute("INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?, ?)", row)

    def _insert(self, bus: str, at: int, records: Sequence[bytes]) -> None:
        """Insert records that came at one time, in order."""
        starts = accumulate(map(len, records), initial=1)
        places = [start << _LENGTH_BITS | len(record) for start, record in zip(starts, records, strict=False)]
        self._connection.execute(_INSERT, (bus, at, b"".join(records), str(places)))

    def watermark(self, source: str, table: str) -> Watermark | None:
        """Up to where a table of a source is extracted, or None where it never was."""
        query = "SELECT value, type FROM watermarks WHERE source = ? AND extracted = ?"
        with self._guarded():
            found = self._connection.execute(query, (source, table)).fetchone()
        return Watermark(source, table, *found) if found else None

    def __len__(self) -> int:
        """Records that wait."""
        with self._guarded():
            (count,) = self._connection.execute("SELECT count(*) FROM events").fetchone()
            return int(count)

    def depth(self) -> int:
        """How far the log reaches from the first record that waits to the last: about how many wait, at no cost."""
        # either alone is the end of an index; both asked at once would read the whole table
        query = "SELECT coalesce((SELECT max(offset) FROM events) - (SELECT min(offset) FROM events) + 1, 0)"
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
                    (x.raw_object, x.bus, microseconds(x.hour), x.first_offset, x.last_offset, x.records)
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

    def _planned(self) -> list[Landing]:
        query = (
            "SELECT raw_object, bus, hour, first_offset, last_offset, records FROM landings "
            "WHERE NOT is_landed ORDER BY first_offset"
        )
        rows = self._connection.execute(query).fetchall()
        return [
            Landing(name, bus, time_of(hour), first, last, records)
            for name, bus, hour, first, last, records in rows
        ]

    def _waiting(self) -> Iterator[Waiting]:
        rows = self._connection.execute(
            "SELECT offset, bus, received_at, length(record) FROM events ORDER BY offset"
        )
        for offset, bus, received_at, size in rows:
            yield Waiting(offset, bus, time_of(received_at), size)


def _bounds(landing: Landing) -> tuple[int, int, str, int, int]:
    start, end = microseconds(landing.hour), microseconds(landing.hour + _HOUR)
    return landing.first_offset, landing.last_offset, landing.bus, start, end
