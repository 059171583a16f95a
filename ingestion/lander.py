"""The lander: the event log → raw objects, each record exactly once, whenever it is killed."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contracts.errors import ConservationError
from contracts.layout import raw_prefix
from ingestion.event_log import EventLog, Landing, Waiting
from lakehouse.failpoints import reach
from lakehouse.store import Store

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_RECORDS: Final = 200_000
MAX_AGE: Final = dt.timedelta(minutes=5)
_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Landed:
    """A raw object that was written: its name, its records, and its bytes before and after compression."""

    raw_object: str
    records: int
    size: int
    stored_size: int


@dataclass(slots=True)
class _Open:
    """An object that still takes records."""

    bus: str
    hour: dt.datetime
    first: int
    last: int
    opened_at: dt.datetime
    records: int = 0
    size: int = 0

    def landing(self) -> Landing:
        name = f"{raw_prefix(self.bus, self.hour)}events-{self.first:012d}-{self.last:012d}.json.gz"
        return Landing(name, self.bus, self.hour, self.first, self.last, self.records)


def land(
    log: EventLog,
    store: Store,
    *,
    now: dt.datetime,
    flush: bool = True,
    max_bytes: int = MAX_BYTES,
    max_records: int = MAX_RECORDS,
    max_age: dt.timedelta = MAX_AGE,
) -> list[Landed]:
    """Land what waits in the log.

    What to land is recorded before an object is written, and an object's name and bytes follow from its records, so
    that a landing that was broken off is finished by the next call as it was begun.

    Args:
        log: where the records wait.
        store: where the objects go.
        now: the time now, with zone; ages are counted from it.
        flush: land everything; otherwise only objects that are full or old enough.
        max_bytes: size at which an object is full, before compression.
        max_records: records at which an object is full.
        max_age: an object whose first record is older than this is landed.

    Returns:
        The objects written by this call.

    Raises:
        StorageError: when the log or the store cannot be written; call again once that is mended.
    """

    def cut(waiting: Iterable[Waiting]) -> list[Landing]:
        return _cut(waiting, None if flush else now - max_age, max_bytes, max_records)

    landed = [_finish(log, store, landing) for landing in log.planned()]
    landed += [_finish(log, store, landing) for landing in log.plan(cut)]
    if landed:
        log.reclaim()
    return [each for each in landed if each is not None]


def _cut(
    waiting: Iterable[Waiting], oldest: dt.datetime | None, max_bytes: int, max_records: int
) -> list[Landing]:
    """Landings of the waiting records by bus and hour: the full ones, and those opened at or before `oldest` (None: all)."""
    full: list[_Open] = []
    filling: dict[tuple[str, dt.datetime], _Open] = {}
    for each in waiting:
        key = each.bus, each.received_at.replace(minute=0, second=0, microsecond=0)
        if key not in filling:
            filling[key] = _Open(*key, each.offset, each.offset, each.received_at)
        found = filling[key]
        found.last = each.offset
        found.records += 1
        found.size += each.size + 1
        if found.size >= max_bytes or found.records >= max_records:
            full.append(filling.pop(key))
    old = [each for each in filling.values() if oldest is None or each.opened_at <= oldest]
    return [each.landing() for each in (*full, *old)]


def _finish(log: EventLog, store: Store, landing: Landing) -> Landed | None:
    """Write the object of a planned landing and take its records out of the log; None when another lander did."""
    reach("land.planned")
    records = log.records(landing)
    if not records:
        return None
    if len(records) != landing.records:
        lost = f"Landing {landing.raw_object} was planned with {landing.records} records; the log holds {len(records)} of them."
        raise ConservationError(
            f"{lost} Nothing was written. Restore the log from its backup, then land again."
        )
    text = b"".join([record + b"\n" for record in records])
    data = gzip.compress(text, _LEVEL, mtime=0)  # zlib: other compressors may give other bytes each time
    store.write(landing.raw_object, data)
    reach("land.written")
    log.landed(landing)
    return Landed(landing.raw_object, len(records), len(text), len(data))
