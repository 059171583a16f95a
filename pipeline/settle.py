"""Deduplication of a run against itself and against earlier runs, and what follows from it for tables and accounts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from concurrent.futures import Executor
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.layout import EVENT_IDS
from lakehouse.datafiles import EPOCH, local_path, partition_day
from pipeline._pool import REJECTED_SEGMENT, StagedObject, fetch_records, load_segment
from pipeline.plan import arrival_date
from pipeline.run import Run
from transforms.deduplicate import IDS, Deduplication, deduplicate

Record = tuple[str, int]
"""A record's address: raw object and number."""

CONFLICT_MESSAGE = (
    "Another record has this event_id with another payload and came first; this one was set aside."
)


@dataclass(slots=True)
class Settled:
    """What deduplication decided.

    `dropped`: records of this run that are not curated, by object. `conflicts`: rows for quarantine, with the original bytes.
    `displaced`: rows of earlier runs whose fate changed. `indexed`: rows to add to the index.
    """

    dropped: dict[str, frozenset[int]] = field(default_factory=dict)
    conflicts: list[dict[str, object]] = field(default_factory=list)
    displaced: list[dict[str, object]] = field(default_factory=list)
    indexed: pa.Table = field(default_factory=IDS.empty_table)
    fates: dict[str, dict[str, int]] = field(default_factory=dict)


def settle(run: Run, staged: list[StagedObject], pool: Executor) -> Settled:
    """Decide which records of the run become rows."""
    found = _found(staged)
    if len(found) == 0:
        return Settled()
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set timezone = 'UTC'")
        outcome = deduplicate(connection, found, _known(run, connection, found))
    return _settled(run, outcome, pool)


def _found(staged: list[StagedObject]) -> pa.Table:
    """Ids of every record that passed the gate, read from the staged files without copying."""
    parts = [
        _ids(load_segment(segment), each.raw_object, event_type)
        for each in staged
        for event_type, segment in each.segments.items()
        if event_type != REJECTED_SEGMENT
    ]
    return pa.concat_tables(parts).unify_dictionaries() if parts else IDS.empty_table()


def _ids(table: pa.Table, raw_object: str, event_type: str) -> pa.Table:
    rows = len(table)
    columns = {
        "event_id": table["event_id"],
        "payload_hash": table["payload_hash"],
        "event_type": _repeated(event_type, rows),
        "occurred_date": table["occurred_at"].cast(pa.date32()),
        "ingested_at": table["ingested_at"],
        "raw_object": _repeated(raw_object, rows),
        "raw_record": table["raw_record"],
    }
    return pa.table(columns)


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([text]))


def _known(run: Run, connection: duckdb.DuckDBPyConnection, found: pa.Table) -> pa.Table:
    """Index rows of the days that the run's records are in, and of the horizon around them."""
    snapshot = run.snapshot(EVENT_IDS)
    if snapshot is None:
        return IDS.empty_table()
    horizon = run.lake.profile.horizon_days
    days = {(day.as_py() - EPOCH).days for day in pc.unique(found["occurred_date"])}
    near = {day + shift for day in days for shift in range(-horizon, horizon + 1)}
    files = [local_path(f) for f in run.lake.catalogue.files(EVENT_IDS, snapshot) if partition_day(f) in near]
    if not files:
        return IDS.empty_table()
    connection.register("ids", found.select(["event_id"]))
    columns = ", ".join(IDS.names)
    relation = connection.sql(
        f"select {columns} from read_parquet({files!r}, hive_partitioning = false) semi join ids using (event_id)"
    )
    return relation.to_arrow_table()


def _settled(run: Run, outcome: Deduplication, pool: Executor) -> Settled:
    dropped: dict[str, set[int]] = defaultdict(set)
    conflicts: list[dict[str, object]] = []
    fates: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in outcome.dropped.to_pylist():
        dropped[row["raw_object"]].add(row["raw_record"])
        fates[row["raw_object"]][row["fate"]] += 1
        if row["fate"] == "conflict":
            conflicts.append(row)
    displaced = outcome.displaced.to_pylist()
    conflicts += [row for row in displaced if row["fate"] == "conflict"]
    return Settled(
        dropped={name: frozenset(numbers) for name, numbers in dropped.items()},
        conflicts=_with_bytes(run, conflicts, pool),
        displaced=displaced,
        indexed=outcome.indexed,
        fates=fates,
    )


def _with_bytes(run: Run, rows: list[dict[str, object]], pool: Executor) -> list[dict[str, object]]:
    """The rows with `record`, the original bytes, fetched object by object."""
    wanted: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        wanted[str(row["raw_object"])].append(row)
    root = run.lake.store.root
    jobs = {
        name: pool.submit(fetch_records, root, name, [row["raw_record"] for row in group])  # type: ignore[misc]
        for name, group in wanted.items()
    }
    return [
        {**row, "record": record}
        for name, group in wanted.items()
        for row, record in zip(group, jobs[name].result(), strict=True)
    ]


def removals(displaced: list[dict[str, object]]) -> dict[str, dict[dt.date, set[Record]]]:
    """Rows to take out of tables, by event type (or "" for quarantine) and partition."""
    out: dict[str, dict[dt.date, set[Record]]] = defaultdict(lambda: defaultdict(set))
    for row in displaced:
        home = str(row["event_type"]) if row["fate_before"] == "curated" else ""
        day = row["occurred_date"] if home else arrival_date(str(row["raw_object"]))
        out[home][day].add((str(row["raw_object"]), int(str(row["raw_record"]))))  # type: ignore[index]
    return out
