"""Replay: the events of a span of time sent again as they came, in the order in which they happened, marked as a replay."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import UsageError
from contracts.layout import curated_table
from ingestion.envelopes import marked
from ingestion.publisher import utc_now
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import connect, release_of
from pipeline.curate import Progress, quiet
from transforms.unpack import unpack

AT_ONCE: Final = 500
"""Events handed to a target together; after each such batch it is noted how far a replay came."""

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_WANTED: Final = """
select '{event_type}' as event_type, raw_object, raw_record, occurred_at, event_id
from {table} where occurred_at >= $start and occurred_at < $end"""
_ORDERED: Final = """
select record, occurred_at, event_id from wanted join records using (raw_object, raw_record)
where (occurred_at, event_id) > ($at, $id) order by occurred_at, event_id"""

_RECORDS: Final = pa.schema(
    [("raw_object", pa.string()), ("raw_record", pa.int64()), ("record", pa.binary())]
)

Event = tuple[bytes, dt.datetime, str]
"""A record as raw holds it, when it happened, and its id."""


@dataclass(frozen=True, slots=True)
class Span:
    """Events that happened from `start` until before `end` (UTC, without zone), of some event types."""

    start: dt.datetime
    end: dt.datetime
    event_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would send: events by type, and how many raw objects they are in."""

    events: dict[str, int]
    raw_objects: int

    @property
    def total(self) -> int:
        """Events in all."""
        return sum(self.events.values())


class Reached(msgspec.Struct, frozen=True):
    """How far a replay came: the last event that its target has, and how many it has."""

    occurred_at: dt.datetime = dt.datetime.min  # noqa: DTZ901 as in tables
    event_id: str = ""
    sent: int = 0
    undeliverable: int = 0


class _Note(msgspec.Struct, frozen=True):
    """What is noted of a replay under its id: which events of which release (0: none) it is of, and how far it came."""

    release: int
    span: Span
    reached: Reached = Reached()


class Target(Protocol):
    """Where a replay goes."""

    @property
    def resumes(self) -> bool:
        """True where it keeps what it took, so that a replay that was broken off can go on."""

    def take(self, records: Sequence[bytes]) -> int:
        """Take events in order; returns how many of them can never be delivered.

        Raises:
            StorageError: when they cannot be taken now; some of them may have been.
            UsageError: when the target does not exist.
        """


def plan_replay(lake: Lake, span: Span) -> ReplayPlan:
    """Count what a replay of the span would send, and change nothing."""
    wanted = _wanted(lake, span, release_of(lake))
    counts = pc.value_counts(wanted["event_type"]).to_pylist()
    events = {each["values"]: each["counts"] for each in sorted(counts, key=lambda each: each["values"])}
    return ReplayPlan(events, len(wanted["raw_object"].unique()))


def replay(
    lake: Lake,
    span: Span,
    target: Target,
    replay_id: str,
    *,
    rate: float | None = None,
    progress: Progress = quiet,
    clock: Callable[[], dt.datetime] = utc_now,
    pause: Callable[[float], None] = time.sleep,
) -> Reached:
    """Send the curated events of the span again, each once, as the bytes that raw holds, in order of `occurred_at`.

    A replay that was broken off goes on where it was, under its id, with the events of the release that it began with; the last batch may
    then be sent twice, under the same event ids.

    Args:
        lake: whose events; those of its newest release.
        span: which events.
        target: where they go.
        replay_id: its name, which each event is marked with.
        rate: events a second at most; as fast as the target takes them without it.
        progress: told how far it is.
        clock: the time now, with zone.
        pause: waits for so many seconds.

    Raises:
        StorageError, UsageError: as `Target.take` does; the same replay can go on later.
        UsageError: when the id is another replay's, or no plain word.
    """
    note = _noted(lake, span, replay_id if target.resumes else None)
    reached = note.reached
    wanted = _wanted(lake, span, lake.releases.get(note.release) if note.release else None)
    pace = _Pace(rate, pause)
    with TemporaryDirectory() as folder, duckdb.connect(str(Path(folder) / "replay.duckdb")) as connection:
        _collect(connection, lake, wanted)
        for batch in _after(connection, reached):
            now = clock()
            unfit = target.take([marked(record, replay_id, now) for record, _, _ in batch])
            _, at, event_id = batch[-1]
            reached = Reached(at, event_id, reached.sent + len(batch) - unfit, reached.undeliverable + unfit)
            reach("replay.sent")
            if target.resumes:
                lake.replays.write(replay_id, msgspec.json.encode(_Note(note.release, span, reached)))
            progress("events sent", reached.sent + reached.undeliverable, len(wanted))
            pace.after(len(batch))
    return reached


def _noted(lake: Lake, span: Span, replay_id: str | None) -> _Note:
    """What is noted under the id, or a beginning."""
    if replay_id is not None and not _ID.fullmatch(replay_id):
        raise UsageError(
            f"{replay_id!r} names no replay. Use letters, digits, dots, hyphens and underscores."
        )
    found = lake.replays.read(replay_id) if replay_id is not None else None
    if found is None:
        latest = lake.releases.latest()
        return _Note(latest.number if latest else 0, span)
    note = msgspec.json.decode(found, type=_Note)
    if note.span != span:
        raise UsageError(
            f"Replay {replay_id} is of {len(note.span.event_types)} event types from {note.span.start} to {note.span.end}. "
            "Say the same again to go on with it, or give this one another id."
        )
    return note


def _wanted(lake: Lake, span: Span, release: Release | None) -> pa.Table:
    """Type, address, time and id of every event of the span."""
    parts = [_WANTED.format(event_type=name, table=curated_table(name)) for name in span.event_types]
    with connect(lake, release) as connection:
        relation = connection.sql(" union all ".join(parts), params={"start": span.start, "end": span.end})
        return relation.to_arrow_table()


def _collect(connection: duckdb.DuckDBPyConnection, lake: Lake, wanted: pa.Table) -> None:
    """Bring the records of the events into a database of their own, so that memory does not follow the span."""
    connection.register("found", wanted)
    connection.execute("set timezone = 'UTC'; create table wanted as select * from found")
    connection.execute("create table records (raw_object varchar, raw_record bigint, record blob)")
    query = "select raw_object, list(raw_record order by raw_record) from found group by 1 order by 1"
    for raw_object, numbers in connection.execute(query).fetchall():
        records = unpack(lake.store.read(raw_object)).records
        rows = {
            "raw_object": [raw_object] * len(numbers),
            "raw_record": numbers,
            "record": [records[number] for number in numbers],
        }
        connection.register("rows", pa.table(rows, _RECORDS))
        connection.execute("insert into records from rows")


def _after(connection: duckdb.DuckDBPyConnection, reached: Reached) -> Iterator[list[Event]]:
    """Batches of events in order, from behind the last that is sent."""
    words = {"at": reached.occurred_at, "id": reached.event_id}
    found = connection.execute(_ORDERED, words)
    while batch := found.fetchmany(AT_ONCE):
        yield batch


class _Pace:
    """Holds back what goes faster than `rate` a second."""

    def __init__(self, rate: float | None, pause: Callable[[float], None]) -> None:
        self._rate = rate
        self._pause = pause
        self._began = time.monotonic()
        self._events = 0

    def after(self, events: int) -> None:
        """Wait until so many more may have gone."""
        self._events += events
        ahead = self._events / self._rate - (time.monotonic() - self._began) if self._rate else 0.0
        if ahead > 0:
            self._pause(ahead)
