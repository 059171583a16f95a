"""Writing a run's rows into its tables, each on the run's branch."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from concurrent.futures import Executor, Future, as_completed
from typing import Any, Final

import pyarrow as pa

from contracts.layout import EVENT_IDS, LEDGER, QUARANTINE, curated_table
from lakehouse.arrow_types import arrow_schema
from lakehouse.datafiles import (
    EPOCH,
    PartitionedWriter,
    Target,
    WrittenFile,
    target_of,
)
from lakehouse.failpoints import reach
from pipeline._pool import REJECTED_SEGMENT, Part, StagedObject, stage_tables, write_parts
from pipeline.plan import arrival_date
from pipeline.rewriting import rewrite
from pipeline.run import Run
from pipeline.settle import CONFLICT_MESSAGE, Record, Settled, removals

_PLAIN: Final = ("raw_record", "occurred_at", "ingested_at", "record", "event_id", "payload_hash")


def prepare_tables(run: Run) -> None:
    """Make or load every table that a large run will need; done while other processes decode."""
    for event_type in run.lake.declarations.events:
        run.table(curated_table(event_type))
    for identifier in (EVENT_IDS, LEDGER):
        run.table(identifier)


def write_tables(run: Run, staged: list[StagedObject], settled: Settled, pool: Executor) -> int:
    """Write curated rows, quarantine and index. Returns the number of curated rows written.

    A table is staged as soon as its files are there, while others are still being written.
    """
    displaced = removals(settled.displaced)
    jobs: dict[Future[list[WrittenFile]], Any] = {}
    for event_type, parts in _curated_parts(run, staged, settled).items():
        table = run.table(curated_table(event_type))
        jobs[pool.submit(write_parts, _target(run, table), event_type, parts)] = table
    for event_type in displaced.keys() - {""} - {t.name()[-1] for t in jobs.values()}:
        _stage(run, run.table(curated_table(event_type)), [], displaced[event_type])
    others = _other_jobs(run, staged, settled, pool)
    rows = 0
    for job in as_completed([*jobs, *others]):
        if job in jobs:
            rows += sum(file.metadata.num_rows for file in job.result())
            reach("curate.written")
            _stage(run, jobs[job], job.result(), displaced.get(jobs[job].name()[-1], {}))
        else:
            table = others[job]
            _stage(
                run, table, job.result(), displaced.get("", {}) if table.name()[-1] == "quarantine" else {}
            )
    return rows


def write_ledger(run: Run, rows: list[dict[str, object]]) -> None:
    """Write the run's accounts."""
    table = run.table(LEDGER)
    target = _target(run, table)
    writer = PartitionedWriter(target, "ledger")
    writer.write(
        pa.Table.from_pylist(rows, schema=pa.schema([pa.field(f.name, f.type) for f in target.schema]))
    )
    _stage(run, table, writer.close(), {})


def _curated_parts(run: Run, staged: list[StagedObject], settled: Settled) -> dict[str, list[Part]]:
    """Parts by event type, the largest first so that the pool ends evenly."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for each in staged:
        constants = {**run.constants(), "raw_object": pa.scalar(each.raw_object)}
        for event_type, segment in each.segments.items():
            if event_type != REJECTED_SEGMENT:
                parts[event_type].append(
                    Part(segment, settled.dropped.get(each.raw_object, frozenset()), constants)
                )
    return dict(sorted(parts.items(), key=lambda item: -sum(p.segment.length for p in item[1])))


def _other_jobs(
    run: Run, staged: list[StagedObject], settled: Settled, pool: Executor
) -> dict[Future[list[WrittenFile]], Any]:
    """Jobs for the index and for quarantine."""
    jobs: dict[Future[list[WrittenFile]], Any] = {}
    segments = stage_tables(
        {"ids": settled.indexed, "conflicts": _conflict_rows(run, settled)},
        str(run.folder / "settled.arrows"),
    )
    if len(settled.indexed):
        table = run.table(EVENT_IDS)
        jobs[pool.submit(write_parts, _target(run, table), "event_ids", [Part(segments["ids"])])] = table
    parts = [Part(segments["conflicts"])] if settled.conflicts else []
    parts += [_rejected_part(run, each) for each in staged if REJECTED_SEGMENT in each.segments]
    if parts or any(row["fate_before"] == "conflict" for row in settled.displaced):
        table = run.table(QUARANTINE)
        jobs[pool.submit(write_parts, _target(run, table), "quarantine", parts)] = table
    return jobs


def _rejected_part(run: Run, staged: StagedObject) -> Part:
    constants = {
        "raw_object": pa.scalar(staged.raw_object),
        "ingest_date": pa.scalar(arrival_date(staged.raw_object), pa.date32()),
        "run_id": pa.scalar(run.run_id),
        "quarantined_at": pa.scalar(run.started_at, pa.timestamp("us")),
    }
    return Part(staged.segments[REJECTED_SEGMENT], frozenset(), constants)


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


def _target(run: Run, table: Any) -> Target:
    return target_of(table, run.run_id, plain_columns=_PLAIN)


def _stage(run: Run, table: Any, files: list[WrittenFile], displaced: dict[dt.date, set[Record]]) -> None:
    days = {EPOCH + dt.timedelta(days=file.day) for file in files if file.day is not None} | set(displaced)
    removed, rewritten = rewrite(run, table, displaced, days)
    run.stage(table, [*files, *rewritten], removed, days)
    reach("curate.staged")
