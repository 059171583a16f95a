"""Restate: the rows of some raw objects, judged anew, compared with those that are there; what differs is staged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lakehouse.datafiles import EPOCH, partition_day, readable
from lakehouse.engine import Engine
from lakehouse.failpoints import reach
from pipeline._compare import Compared, CompareJob, DayDifference, compare
from pipeline._tasks import Part, StagedBatch, WriteJob, write_parts
from pipeline.run import Run
from pipeline.settle import Record, Removals, Settled
from pipeline.tables import BRIDGED, identifier_of, parts_by_table, removals_by_table, target
from pipeline.window import Days

_KEYS: Final = {
    "event_ids": ("raw_object", "raw_record"),
    "quarantine": ("raw_object", "raw_record"),
    "personal_values": ("event_id", "event_type", "field"),
}
"""What tells rows apart in the report, in tables where an event_id does not."""


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What differs in a table, day by day. `event_type` is that of a curated table; rows are those of the objects judged anew."""

    table: str
    event_type: str | None
    rows_before: int
    rows_after: int
    days: tuple[DayDifference, ...]


@dataclass(frozen=True, slots=True)
class Restated:
    """What differs, by table; and how many curated rows the objects have now."""

    differences: tuple[TableDifference, ...]
    curated: int


def restate(
    run: Run,
    staged: list[StagedBatch],
    settled: Settled,
    days: Days,
    engine: Engine,
) -> Restated:
    """Stage what differs in every table.

    Args:
        run: the run.
        staged: the objects as they are decoded now.
        settled: what deduplication decided.
        days: the partitions of each table (by identifier) that may hold rows of the objects.
        engine: where the work is done.
    """
    parts = parts_by_table(run, staged, settled)
    bridged = parts.pop(BRIDGED, [])
    found: list[TableDifference] = []
    curated = 0
    held = frozenset(each.raw_object for batch in staged for each in batch.objects)
    gone = removals_by_table(run, settled)
    tables = [_Table(run, name, days, gone.get(name, {})) for name in _names(run, parts, gone, days)]
    jobs = [each.job(held, parts.get(each.name, [])) for each in tables]
    for place, compared in engine.each(compare, jobs):
        name = jobs[place].name
        curated += compared.rows_after if name in run.lake.declarations.events else 0
        if compared.files or compared.removed:
            tables[place].stage(compared.files, compared.removed)
            found.append(_difference(run, name, compared))
    if bridged and found:
        _write_bridged(run, bridged, engine)
    return Restated(tuple(sorted(found, key=lambda each: each.table)), curated)


def _difference(run: Run, name: str, compared: Compared) -> TableDifference:
    event_type = name if name in run.lake.declarations.events else None
    counts = compared.rows_before, compared.rows_after
    return TableDifference(identifier_of(name), event_type, *counts, tuple(compared.differences))


def _names(run: Run, parts: Mapping[str, list[Part]], gone: Removals, days: Days) -> list[str]:
    """Tables that have rows of the objects, or may have them, or lose rows of others."""
    every = [*run.lake.declarations.events, *_KEYS]
    return [name for name in every if name in parts or name in gone or identifier_of(name) in days]


class _Table:
    """A table of the run, and its files of the days that matter."""

    def __init__(self, run: Run, name: str, days: Days, gone: Mapping[dt.date, set[Record]]) -> None:
        identifier = identifier_of(name)
        self.run, self.name = run, name
        self.table = run.table(identifier)
        self.gone = frozenset(address for records in gone.values() for address in records)
        wanted = {(day - EPOCH).days for day in {*days.get(identifier, ()), *gone}}
        snapshot = run.snapshot(identifier)
        listed = run.lake.catalogue.files(identifier, snapshot) if snapshot and wanted else []
        self.files = {readable(file): file for file in listed if partition_day(file) in wanted}

    def job(self, objects: frozenset[str], parts: list[Part]) -> CompareJob:
        """What an engine is to compare."""
        place, key = target(self.run, self.table), _KEYS.get(self.name, ("event_id",))
        return CompareJob(place, self.name, sorted(self.files), objects, self.gone, parts, key)

    def stage(self, files: list[Any], removed: list[str]) -> None:
        """Put what differs on the run's branch."""
        gone = [self.files[path] for path in removed]
        numbers = {file.day for file in files} | {partition_day(file) for file in gone}
        days = {EPOCH + dt.timedelta(days=number) for number in numbers if number is not None}
        self.run.stage(self.table, files, gone, days)
        reach("curate.staged")


def _write_bridged(run: Run, parts: list[Part], engine: Engine) -> None:
    table = run.table(identifier_of(BRIDGED))
    for _, files in engine.each(write_parts, [WriteJob(target(run, table), BRIDGED, parts)]):
        run.stage(table, files, [], set())
