"""Curate: plan → decode → deduplicate → write → publish, one path for first runs, late data and all that follows."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lakehouse.engine import Engine, open_engine
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Work
from pipeline._tasks import DecodeObjects, StagedBatch
from pipeline.accounts import Account, draw_up, ledger_rows
from pipeline.pause import refuse_while_paused
from pipeline.plan import Batch, plan
from pipeline.recovery import recover
from pipeline.run import new_run, publish
from pipeline.settle import settle
from pipeline.tables import prepare_tables, write_ledger, write_tables

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it and out of how much."""


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class CurateResult:
    """What a curate did: accounts per object (and corrections), releases made, runs found lost, bytes of raw read."""

    accounts: list[Account] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)
    bytes_read: int = 0


def curate(lake: Lake, *, progress: Progress = quiet) -> CurateResult:
    """Curate every raw object the ledger does not know. Where there is none, nothing changes.

    Raises:
        HeldError: when another run holds the lake or won the race, or the lake is paused; nothing more was published.
        StorageError: when the disk is full; running again is safe.
    """
    lease_id = secrets.token_hex(8)
    refuse_while_paused(lake)
    with lake.lease.hold(lease_id):
        result = CurateResult(recovered=recover(lake))
        todo = plan(lake, lake.releases.latest())
        with open_engine(lake, todo.size, preload=["pipeline._tasks"]) as engine:
            for batches in todo.slices(engine.slice_bytes):
                _curate_slice(lake, batches, engine, result, progress, lease_id)
            result.bytes_read = engine.bytes_read
        lake.listing.remember(todo.folders)
        return result


def _curate_slice(
    lake: Lake, batches: list[Batch], engine: Engine, result: CurateResult, progress: Progress, lease_id: str
) -> None:
    refuse_while_paused(lake)
    began = time.monotonic()
    with new_run(lake, "curate") as run:
        reach("curate.planned")
        staged = decode(
            lake,
            run.scratch,
            batches,
            engine,
            progress=progress,
            beside=lambda each: prepare_tables(run, each),
        )
        reach("curate.decoded")
        settled = settle(run, staged, engine)
        written = write_tables(run, staged, settled, engine)
        accounts = draw_up(staged, settled, written)
        write_ledger(run, ledger_rows(accounts, run.run_id, run.started_at, run.number))
        release = publish(run, lease_id=lease_id, work=work_of(staged, began))
    result.accounts += accounts
    result.releases.append(release.number)


def work_of(staged: list[StagedBatch], began: float) -> Work:
    """What a run took that judged those objects, and began at that time of the monotonic clock."""
    size = sum(each.object_bytes for batch in staged for each in batch.objects)
    return Work(size, time.monotonic() - began)


def decode(
    lake: Lake,
    folder: str,
    batches: list[Batch],
    engine: Engine,
    *,
    progress: Progress = quiet,
    beside: Callable[[StagedBatch], None] = lambda _: None,
) -> list[StagedBatch]:
    """Decode raw objects into staged files.

    Args:
        lake: the lake.
        folder: where the staged files go.
        batches: names of objects, those of a batch into one file.
        engine: where the work is done.
        progress: told of objects decoded.
        beside: done for each batch while other processes decode the next, where there are any.
    """
    keys = lake.pseudonym_keys.in_force(dt.datetime.now(dt.UTC))
    task = DecodeObjects(lake.declarations.root, folder, keys, lake.erasures.erased())
    staged: list[StagedBatch] = []
    done, total = 0, sum(map(len, batches))
    for each in engine.objects(task, lake.store, batches):
        staged.append(each)
        if engine.works_beside:
            beside(each)
        done += len(each.objects)
        progress("objects decoded", done, total)
    return sorted(staged, key=lambda batch: batch.objects[0].raw_object)
