"""What changed in the events between two releases, found from the files that came and went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import pyarrow as pa

from contracts.fields import Field
from contracts.layout import curated_table
from lakehouse.arrow_types import arrow_schema
from lakehouse.datafiles import EPOCH, fit, partition_day, readable
from lakehouse.duck import open_duckdb
from lakehouse.engine import Engine
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.scratch import stage_parquet
from lakehouse.sql import duckdb_type, rows_of
from pipeline.rebuilds import Changes, changes_since
from pipeline.run import Run

Days = frozenset[dt.date]
Files = dict[str, int]
"""Sizes in bytes by path."""
Listed = dict[str, tuple[dt.date, int]]
"""Day and size in bytes by path."""

_ALWAYS: Final = pa.schema(
    [("event_id", pa.string()), ("event_type", pa.string()), ("occurred_at", pa.timestamp("us"))]
)

_CHANGED = """
with came as (select {columns} from ({added})), went as (select {columns} from ({removed})),
changed as (
    select * from came anti join went using (raw_object, raw_record, run_id)
    union all
    select * from went anti join came using (raw_object, raw_record, run_id)
)
select
    {key}, '{event_type}' as event_type, cast(occurred_at as date) as day,
    min(occurred_at) as first_at, max(occurred_at) as last_at
from changed
where {known}
group by all
"""


@dataclass(frozen=True)
class Cuts:
    """Two releases: the one that the derived tables reflect (None at first), and the one they shall reflect."""

    lake: Lake
    before: Release | None
    after: Release

    @cached_property
    def _changes(self) -> Changes:
        return changes_since(self.lake, self.before.number if self.before else 0)

    def days(self, event_type: str) -> Days:
        """The days on which an event type's table differs."""
        return frozenset(
            dt.date.fromisoformat(day) for day in self._changes.get(curated_table(event_type), ())
        )

    def files(self, event_type: str, days: Iterable[dt.date]) -> list[str]:
        """The files of those days, now."""
        return sorted(self._files(self.after, event_type, frozenset(days)))

    def changed_files(self, event_type: str) -> tuple[list[str], list[str]]:
        """The files that came and those that went."""
        now, then = self._now_and_then(event_type)
        return sorted(now.keys() - then.keys()), sorted(then.keys() - now.keys())

    def bytes_added(self, event_type: str) -> int:
        """Bytes of the files that came, as stored."""
        now, then = self._now_and_then(event_type)
        return sum(size for path, size in now.items() if path not in then)

    def _now_and_then(self, event_type: str) -> tuple[Files, Files]:
        days = self.days(event_type)
        return self._files(self.after, event_type, days), self._files(self.before, event_type, days)

    def _files(self, cut: Release | None, event_type: str, days: Days) -> Files:
        if cut is None or not days:
            return {}
        listed = self._listed(cut.number, event_type)
        if not days <= self._span:
            listed = self._list(cut, event_type, days)
        return {path: size for path, (day, size) in listed.items() if day in days}

    @cached_property
    def _span(self) -> Days:
        """The days that changed in any event type, and their neighbours: what nearly all questions are about."""
        changed = {dt.date.fromisoformat(day) for days in self._changes.values() for day in days}
        return frozenset(day + dt.timedelta(days=shift) for day in changed for shift in (-1, 0, 1))

    @cached_property
    def _listed(self) -> Callable[[int, str], Listed]:
        cuts = {cut.number: cut for cut in (self.before, self.after) if cut}
        return cache(lambda number, event_type: self._list(cuts[number], event_type, self._span))

    def _list(self, cut: Release, event_type: str, days: Days) -> Listed:
        identifier = curated_table(event_type)
        if identifier not in cut.tables:
            return {}
        end = max(days) + dt.timedelta(days=1)
        span = f"occurred_at >= '{min(days)}T00:00:00' and occurred_at < '{end}T00:00:00'"
        found = self.lake.catalogue.files(identifier, cut.tables[identifier], span)
        return {
            readable(file): (
                EPOCH + dt.timedelta(days=partition_day(file) or 0),
                int(file.file_size_in_bytes),
            )
            for file in found
        }

    def rows(self, event_type: str, files: list[str]) -> str:
        """A query over files of an event type, typed by its contract."""
        return rows_of(self.lake.declarations.curated[event_type], files)

    def reads(self, table: str, event_type: str, files: list[str]) -> str:
        """A query for what a derived table reads of some files: columns that the event type lacks are null."""
        names = {field.name for field in self.lake.declarations.curated[event_type]}
        columns = [
            field.name if field.name in names else f"null::{duckdb_type(field)} as {field.name}"
            for field in self._read_fields(table)
        ]
        chosen = ["event_id", f"'{event_type}' as event_type", "occurred_at", *columns]
        return f"select {', '.join(chosen)} from ({self.rows(event_type, files)})"

    def schema(self, table: str) -> pa.Schema:
        """Of what `reads` selects."""
        return pa.schema([*_ALWAYS, *arrow_schema(self._read_fields(table))])

    def _read_fields(self, table: str) -> list[Field]:
        declared, curated = self.lake.declarations.tables[table].derived, self.lake.declarations.curated
        if declared is None:
            return []
        fields = {field.name: field for event_type in declared.inputs for field in curated[event_type]}
        return [fields[name] for name in declared.reads]


def changed_rows(cuts: Cuts, engine: Engine, inputs: Iterable[str], key: Sequence[str]) -> pa.Table:
    """Keys of the events that came or went, by event type and day: key, event_type, day, first_at, last_at.

    A row that only moved to another file, as when files are written again, did not change; one that another run wrote did.
    """
    queries = []
    for event_type in inputs:
        added, removed = cuts.changed_files(event_type)
        if added or removed:
            queries.append(_CHANGED.format(
                columns=", ".join([*key, "occurred_at", "raw_object", "raw_record", "run_id"]),
                added=cuts.rows(event_type, added), removed=cuts.rows(event_type, removed),
                key=", ".join(key), event_type=event_type, known=" and ".join(f"{k} is not null" for k in key),
            ))  # fmt: skip
    found = [table for _, table in engine.each(run_query, queries)]
    return pa.concat_tables(found) if found else pa.table({})


def run_query(sql: str) -> pa.Table:
    """The rows of a query that names its files."""
    with open_duckdb(sql) as connection:
        return connection.sql(sql).to_arrow_table()


@dataclass(frozen=True, slots=True)
class ReadAs:
    """Runs queries whose rows are brought into one schema; columns that a query lacks are null."""

    schema: pa.Schema

    def __call__(self, sql: str) -> pa.Table:
        """The rows of one query."""
        return fit(run_query(sql), self.schema)


def staged(run: Run, name: str, rows: pa.Table) -> str:
    """Write rows into a Parquet file of the run's own, for queries to join; returns its path or URL."""
    return stage_parquet(rows, f"{run.scratch}/{name}.parquet")
