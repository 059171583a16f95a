"""What retention has taken out of raw: the record of each time that it did."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256

import msgspec
from msgspec import Struct

from lakehouse.erasures import RawChange
from lakehouse.records import Records


class Retention(Struct, frozen=True):
    """One time that retention was enforced: its number, how many records were due by event type, and the rows and releases that followed.

    `done_at` is None while under way.
    """

    number: int
    began_at: dt.datetime
    records: dict[str, int] = {}
    rows: dict[str, int] = {}
    releases: tuple[int, ...] = ()
    done_at: dt.datetime | None = None


class Retentions:
    """The records by number, and beside each the raw objects that it rewrote."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def all(self) -> list[Retention]:
        """Every one, the oldest first."""
        read = (self._records.read(name) for name in self._records.names())
        return [msgspec.json.decode(data, type=Retention) for data in read if data is not None]

    def begun(self, now: dt.datetime) -> Retention:
        """The one that is under way, or a new one. The caller holds the lease on reprocessing."""
        names = self._records.names()
        data = self._records.read(names[-1]) if names else None
        newest = msgspec.json.decode(data, type=Retention) if data else None
        if newest is not None and newest.done_at is None:
            return newest
        return Retention(newest.number + 1 if newest else 1, now)

    def put(self, retention: Retention) -> None:
        """Write one as it stands now."""
        self._records.write(_name(retention.number), msgspec.json.encode(retention))

    def changes(self, retention: Retention) -> list[RawChange]:
        """The raw objects that it rewrote."""
        below = self._records.below(_name(retention.number))
        read = (below.read(name) for name in below.names())
        return [msgspec.json.decode(data, type=RawChange) for data in read if data is not None]

    def note(self, retention: Retention, change: RawChange) -> None:
        """Keep that it rewrites a raw object; each is noted once."""
        below = self._records.below(_name(retention.number))
        below.write(sha256(change.raw_object.encode()).hexdigest(), msgspec.json.encode(change))


def _name(number: int) -> str:
    return f"{number:08d}"
