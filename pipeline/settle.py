"""Deduplication of a run against itself and against earlier runs, and what follows from it for tables and accounts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

from contracts.layout import EVENT_IDS, arrival_date
from lakehouse.datafiles import partition_day, readable
from lakehouse.engine import Engine
from lakehouse.scratch import Segment
from pipeline._ids import LOT, IndexFile, SettledLot, SettleIds, read_ids
from pipeline._tasks import FetchRecords, StagedBatch
from pipeline.run import Run

Record = tuple[str, int]
"""A record's address: raw object and number."""

Removals = dict[str, dict[dt.date, set[Record]]]
"""Addresses of rows to take out of tables, by event type (or "" for quarantine) and partition."""

CONFLICT_MESSAGE = (
    "Another record has this event_id with another payload and came first; this one was set aside."
)


@dataclass(slots=True)
class Settled:
    """What deduplication decided.

    `dropped`: records of this run that are not curated, by object. `conflicts`: rows for quarantine, with the original bytes.
    `displaced`: rows of earlier runs whose fate changed. `indexed`: staged rows to add to the index.
    """

    dropped: dict[str, frozenset[int]] = field(default_factory=dict)
    conflicts: list[dict[str, object]] = field(default_factory=list)
    displaced: list[dict[str, object]] = field(default_factory=list)
    indexed: list[Segment] = field(default_factory=list)
    fates: dict[str, dict[str, int]] = field(default_factory=dict)


def settle(
    run: Run, staged: list[StagedBatch], engine: Engine, withdrawn: list[IndexFile] | None = None
) -> Settled:
    """Decide which records of the run become rows; those of earlier runs that are `withdrawn` count no longer."""
    work = SettleIds(_index(run), run.lake.profile.horizon_days, run.scratch)
    items = [*(each for each in staged if each.passed), *(withdrawn or ())]
    return _settled(run, engine.by_key(read_ids, items, ["event_id"], LOT, work), engine)


def _index(run: Run) -> list[tuple[int | None, str]]:
    snapshot = run.snapshot(EVENT_IDS)
    if snapshot is None:
        return []
    return [(partition_day(f), readable(f)) for f in run.lake.catalogue.files(EVENT_IDS, snapshot)]


def _settled(run: Run, lots: list[SettledLot], engine: Engine) -> Settled:
    dropped: dict[str, set[int]] = defaultdict(set)
    conflicts: list[dict[str, object]] = []
    fates: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in (row for lot in lots for row in lot.dropped.to_pylist()):
        dropped[row["raw_object"]].add(row["raw_record"])
        fates[row["raw_object"]][row["fate"]] += 1
        if row["fate"] == "conflict":
            conflicts.append(row)
    displaced = [row for lot in lots for row in lot.displaced.to_pylist()]
    conflicts += [row for row in displaced if row["fate"] == "conflict"]
    return Settled(
        dropped={name: frozenset(numbers) for name, numbers in dropped.items()},
        conflicts=_with_bytes(run, conflicts, engine),
        displaced=displaced,
        indexed=[lot.indexed for lot in lots if lot.indexed.rows],
        fates=fates,
    )


def _with_bytes(run: Run, rows: list[dict[str, object]], engine: Engine) -> list[dict[str, object]]:
    """The rows with `record`, the original bytes, fetched object by object."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        wanted[str(row["raw_object"])].append(int(str(row["raw_record"])))
    records: dict[Record, bytes] = {}
    batches = [[name] for name in sorted(wanted)]
    for found in engine.objects(FetchRecords(dict(wanted)), run.lake.store, batches):
        records |= found
    return [{**row, "record": records[str(row["raw_object"]), int(str(row["raw_record"]))]} for row in rows]


def removals(displaced: list[dict[str, object]]) -> Removals:
    """Rows to take out of tables; a duplicate has none."""
    out: Removals = defaultdict(lambda: defaultdict(set))
    for row in (row for row in displaced if row["fate_before"] != "duplicate"):
        home = str(row["event_type"]) if row["fate_before"] == "curated" else ""
        day = row["occurred_date"] if home else arrival_date(str(row["raw_object"]))
        out[home][day].add((str(row["raw_object"]), int(str(row["raw_record"]))))  # type: ignore[index]
    return out
