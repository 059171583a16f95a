"""The outbox: events that a bus did not take, kept on this machine's disk until it does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingestion.durable_file import DurableFile, microseconds, time_of

_KEPT: Final = "SELECT offset, bus, kept_at, record, reason, is_deliverable FROM kept"


@dataclass(frozen=True, slots=True)
class Unsent:
    """A record that was not sent, and why; `is_deliverable` is False where no repetition can help."""

    record: bytes
    reason: str
    is_deliverable: bool = True


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in the outbox: its place in the order, the bus it was published to, and why it is here."""

    offset: int
    bus: str
    kept_at: dt.datetime
    record: bytes
    reason: str
    is_deliverable: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records wait to be sent, and how many never can be."""

    waiting: int
    undeliverable: int


class Outbox(DurableFile):
    """Records in SQLite, in the order they were kept. One instance serves one thread; processes may share the file."""

    what = "Outbox"
    schema = (
        """CREATE TABLE IF NOT EXISTS kept (
            offset INTEGER PRIMARY KEY AUTOINCREMENT,
            bus TEXT NOT NULL,
            kept_at INTEGER NOT NULL,
            record BLOB NOT NULL,
            reason TEXT NOT NULL,
            is_deliverable INTEGER NOT NULL)""",
    )

    def keep(self, unsent: Sequence[Unsent], *, bus: str, kept_at: dt.datetime) -> None:
        """Keep records in one transaction; they are on the disk, all of them, when this returns.

        Args:
            unsent: in the order to send them in.
            bus: name or ARN of the bus they were published to.
            kept_at: the time now, with zone.

        Raises:
            StorageError: when the disk is full or read-only; then none of them is kept.
        """
        if not unsent:
            return
        at = microseconds(kept_at)
        rows = ((bus, at, each.record, each.reason, each.is_deliverable) for each in unsent)
        with self._writing():
            self._connection.executemany(
                "INSERT INTO kept (bus, kept_at, record, reason, is_deliverable) VALUES (?, ?, ?, ?, ?)", rows
            )

    def counts(self) -> Counts:
        """How many records are here."""
        query = "SELECT coalesce(sum(is_deliverable), 0), coalesce(sum(NOT is_deliverable), 0) FROM kept"
        with self._guarded():
            return Counts(*self._connection.execute(query).fetchone())

    def buses(self) -> list[str]:
        """The buses that records wait for, in order of name."""
        query = "SELECT DISTINCT bus FROM kept WHERE is_deliverable ORDER BY bus"
        with self._guarded():
            return [bus for (bus,) in self._connection.execute(query)]

    def waiting(self, *, after: int = 0, most: int) -> list[Kept]:
        """The first records that wait, at most so many, behind the offset `after`."""
        where = "WHERE is_deliverable AND offset > ? ORDER BY offset LIMIT ?"
        return self._read(f"{_KEPT} {where}", after, most)

    def kept(self, *, most: int) -> list[Kept]:
        """The first records that are here, at most so many, those that can never be sent among them."""
        return self._read(f"{_KEPT} ORDER BY offset LIMIT ?", most)

    def settle(self, sent: Sequence[int], failed: Mapping[int, Unsent]) -> None:
        """Take out what was sent, and note why others were not, by their offsets, in one transaction."""
        if not sent and not failed:
            return
        notes = [(each.reason, each.is_deliverable, offset) for offset, each in failed.items()]
        with self._writing():
            self._connection.executemany("DELETE FROM kept WHERE offset = ?", [(offset,) for offset in sent])
            self._connection.executemany(
                "UPDATE kept SET reason = ?, is_deliverable = ? WHERE offset = ?", notes
            )

    def records(self) -> Iterator[bytes]:
        """Every record that is here, in order."""
        with self._guarded():
            for (record,) in self._connection.execute("SELECT record FROM kept ORDER BY offset"):
                yield bytes(record)

    def rewrite(self, rewritten: Callable[[bytes], bytes | None]) -> int:
        """Put other bytes in the place of records, or (for None) take them out, in one transaction; returns how many differ.

        Nothing of what was there before is left in the file.
        """
        with self._writing():
            found = self._connection.execute("SELECT offset, record FROM kept").fetchall()
            made = [(rewritten(bytes(record)), bytes(record), offset) for offset, record in found]
            changed = [(after, offset) for after, before, offset in made if after != before]
            gone = [(offset,) for after, offset in changed if after is None]
            self._connection.executemany(
                "UPDATE kept SET record = ? WHERE offset = ?",
                [each for each in changed if each[0] is not None],
            )
            self._connection.executemany("DELETE FROM kept WHERE offset = ?", gone)
        if changed:
            self.vacuum()
        return len(changed)

    def _read(self, query: str, *words: Any) -> list[Kept]:
        with self._guarded():
            rows = self._connection.execute(query, words).fetchall()
        return [
            Kept(offset, bus, time_of(at), record, reason, bool(is_deliverable))
            for offset, bus, at, record, reason, is_deliverable in rows
        ]
