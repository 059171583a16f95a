"""Writing a run's rows into its tables, each on the run's branch."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from contracts.layout import (
    EVENT_IDS,
    LEDGER,
    PERSONAL_VALUES,
    PSEUDONYMS,
    QUARANTINE,
    arrival_date,
    curated_table,
)
from lakehouse.arrow_types import arrow_schema
from lakehouse.datafiles import (
    EPOCH,
    PartitionedWriter,
    Target,
    WrittenFile,
    target_of,
)
from lakehouse.engine import Engine
from lakehouse.failpoints import reach
from lakehouse.scratch import stage_tables
from pipeline._tasks import Part, StagedBatch, WriteJob, write_parts
from pipeline.rewriting import rewrite
from pipeline.run import Run
from pipeline.settle import CONFLICT_MESSAGE, Record, Removals, Settled, removals
from transforms.personal import has_personal

_PERSONAL: Final = "personal_values"
BRIDGED: Final = "pseudonyms"
"""Pairs of pseudonyms under two keys: only ever added."""
_PLATFORM: Final = {
    "event_ids": EVENT_IDS,
    "quarantine": QUARANTINE,
    _PERSONAL: PERSONAL_VALUES,
    BRIDGED: PSEUDONYMS,
}
_PLAIN: Final = ("raw_record", "occurred_at", "ingested_at", "record", "event_id", "payload_hash")


def prepare_tables(run: Run, batch: StagedBatch) -> None:
    """Make or load the tables that a decoded batch needs; done while other processes decode the next."""
    apart = {PERSONAL_VALUES: batch.personal, PSEUDONYMS: batch.bridged}
    needed = [identifier for identifier, segment in apart.items() if segment]
    for identifier in (EVENT_IDS, LEDGER, *needed, *map(curated_table, batch.passed)):
        run.table(identifier)


def write_tables(run: Run, staged: list[StagedBatch], settled: Settled, engine: Engine) -> int:
    """Write curated rows, quarantine and index. Returns the number of curated rows written.

    A table is staged as soon as its files are there, while others are still being written.
    """
    displaced = removals_by_table(run, settled)
    parts = parts_by_table(run, staged, settled)
    jobs = [
        WriteJob(target(run, run.table(identifier_of(name))), name, found) for name, found in parts.items()
    ]
    rows = 0
    for place, files in engine.each(write_parts, jobs):
        name = jobs[place].name
        if name in run.lake.declarations.events:
            rows += sum(file.metadata.num_rows for file in files)
            reach("curate.written")
        _stage(run, run.table(identifier_of(name)), files, displaced.pop(name, {}))
    for name, gone in displaced.items():  # tables that only lose rows
        _stage(run, run.table(identifier_of(name)), [], gone)
    return rows


def removals_by_table(run: Run, settled: Settled) -> Removals:
    """Rows of other records to take out, by table: clear values go with the curated rows that they are of."""
    events, gone = run.lake.declarations.events, removals(settled.displaced)
    found: Removals = {home or "quarantine": days for home, days in gone.items()}
    personal: dict[dt.date, set[Record]] = defaultdict(set)
    for home, days in gone.items():
        if home and has_personal(events[home].latest.fields):
            for day, records in days.items():
                personal[day] |= records
    return {**found, **({_PERSONAL: personal} if personal else {})}


def identifier_of(name: str) -> str:
    """The table that goes by that name here: an event type, or one of the platform's own."""
    return _PLATFORM.get(name) or curated_table(name)


def write_ledger(run: Run, rows: list[dict[str, object]]) -> None:
    """Write the run's accounts."""
    table = run.table(LEDGER)
    place = target(run, table)
    writer = PartitionedWriter(place, "ledger")
    writer.write(
        pa.Table.from_pylist(rows, schema=pa.schema([pa.field(f.name, f.type) for f in place.schema]))
    )
    _stage(run, table, writer.close(), {})


def parts_by_table(run: Run, staged: list[StagedBatch], settled: Settled) -> dict[str, list[Part]]:
    """Rows for each table, by its name: event types first, the largest of them foremost so that a pool ends evenly."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for each in staged:
        dropped = _dropped(each, settled)
        for event_type, segment in each.passed.items():
            parts[event_type].append(Part(segment, dropped, run.constants()))
    events = sorted(parts.items(), key=lambda item: -sum(part.segment.length for part in item[1]))
    return {**dict(events), **{name: found for name, found in _platform_parts(run, staged, settled) if found}}


def _dropped(batch: StagedBatch, settled: Settled) -> dict[str, frozenset[int]]:
    names = [found.raw_object for found in batch.objects]
    return {name: settled.dropped[name] for name in names if name in settled.dropped}


def _platform_parts(
    run: Run, staged: list[StagedBatch], settled: Settled
) -> Iterator[tuple[str, list[Part]]]:
    """Rows for the platform's own tables."""
    by_run = {"run_id": pa.scalar(run.run_id)}
    yield "event_ids", [Part(segment) for segment in settled.indexed]
    yield (
        _PERSONAL,
        [Part(each.personal, _dropped(each, settled), by_run) for each in staged if each.personal],
    )
    yield BRIDGED, [Part(each.bridged, {}, by_run) for each in staged if each.bridged]
    constants = {**by_run, "quarantined_at": pa.scalar(run.started_at, pa.timestamp("us"))}
    parts = [Part(each.rejected, {}, constants) for each in staged if each.rejected]
    if settled.conflicts:
        rows = {"conflicts": _conflict_rows(run, settled)}
        parts.append(Part(stage_tables(rows, f"{run.scratch}/conflicts.arrows")["conflicts"]))
    yield "quarantine", parts


def _conflict_rows(run: Run, settled: Settled) -> pa.Table:
    fields = run.lake.declarations.tables["quarantine"].fields
    common = {
        "stage": "deduplicate",
        "error_type": "conflict",
        "error_message": CONFLICT_MESSAGE,
        "field": "$.detail.metadata.event_id",
        "run_id": run.run_id,
        "quarantined_at": run.started_at,
    }
    rows = [
        {**row, **common, "ingest_date": arrival_date(str(row["raw_object"]))} for row in settled.conflicts
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(fields))


def target(run: Run, table: Any) -> Target:
    """Where the run writes files of a table."""
    return target_of(table, run.run_id, plain_columns=_PLAIN)


def _stage(run: Run, table: Any, files: list[WrittenFile], displaced: dict[dt.date, set[Record]]) -> None:
    days = {EPOCH + dt.timedelta(days=file.day) for file in files if file.day is not None} | set(displaced)
    removed, rewritten = rewrite(run, table, displaced, days)
    run.stage(table, [*files, *rewritten], removed, days)
    reach("curate.staged")
