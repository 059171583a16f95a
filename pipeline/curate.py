"""Curate: plan → decode → deduplicate → write → publish, one path for first runs, late data and all that follows."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field

from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from pipeline._pool import StagedObject, decode_object, executor
from pipeline.accounts import Account, draw_up, ledger_rows
from pipeline.plan import plan
from pipeline.recovery import recover
from pipeline.run import Run, new_run, publish
from pipeline.settle import settle
from pipeline.tables import prepare_tables, write_ledger, write_tables

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it and out of how much."""


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class CurateResult:
    """What a curate did: accounts per object (and corrections), the releases made, the runs found lost."""

    accounts: list[Account] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)


def curate(lake: Lake, *, progress: Progress = quiet) -> CurateResult:
    """Curate every raw object the ledger does not know. Where there is none, nothing changes.

    Raises:
        HeldError: when another run holds the lake or won the race; nothing was published.
        StorageError: when the disk is full; running again is safe.
    """
    lease_id = secrets.token_hex(8)
    with lake.lease.hold(lease_id):
        result = CurateResult(recovered=recover(lake))
        todo = plan(lake, lake.releases.latest())
        with executor(todo.size) as pool:
            for objects in todo.slices():
                _curate_slice(lake, objects, pool, result, progress, lease_id)
        lake.listing.remember(todo.folders)
        return result


def _curate_slice(
    lake: Lake, objects: list[str], pool: Executor, result: CurateResult, progress: Progress, lease_id: str
) -> None:
    with new_run(lake, "curate") as run:
        reach("curate.planned")
        staged = _decode(run, objects, pool, progress)
        reach("curate.decoded")
        settled = settle(run, staged, pool)
        written = write_tables(run, staged, settled, pool)
        accounts = draw_up(staged, settled, written)
        write_ledger(run, ledger_rows(accounts, run.run_id, run.started_at))
        release = publish(run, lease_id=lease_id)
    result.accounts += accounts
    result.releases.append(release.number)


def _decode(run: Run, objects: list[str], pool: Executor, progress: Progress) -> list[StagedObject]:
    contracts, raw = run.lake.declarations.root, run.lake.store.root
    jobs = [
        pool.submit(decode_object, contracts, raw, name, str(run.folder / f"{i:06d}.arrows"))
        for i, name in enumerate(objects)
    ]
    if not jobs[0].done():  # in this very process a job is done when it is submitted
        prepare_tables(run)
    for done, job in enumerate(as_completed(jobs), start=1):
        job.result()
        progress("objects decoded", done, len(jobs))
    return [job.result() for job in jobs]
