"""Reprocess: the raw objects of a window judged anew by the contracts of today; what differs is published, and nothing else.

Objects are decoded while other runs go on; only what follows, against the newest release, is done under the lease.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from contracts.errors import HeldError
from contracts.layout import EVENT_IDS
from lakehouse.datafiles import EPOCH, partition_day, readable
from lakehouse.engine import Engine, open_engine
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.scratch import scratch_folder
from pipeline._ids import IndexFile
from pipeline._tasks import StagedBatch
from pipeline.accounts import Account, difference, draw_up, ledger_rows
from pipeline.curate import Progress, decode, quiet, work_of
from pipeline.pause import refuse_while_paused
from pipeline.plan import Plan
from pipeline.recovery import recover
from pipeline.restate import TableDifference, restate
from pipeline.run import Run, new_run, publish
from pipeline.settle import Settled, settle
from pipeline.tables import write_ledger
from pipeline.window import Days, Standing, Window, standings_of, standings_within, touched

PATIENCE: Final = 120.0
"""Seconds that a reprocess waits for a run that holds the lake."""

Check = Callable[[tuple[TableDifference, ...]], None]
"""Looks at what differs before it is published; raises where it may not be."""


@dataclass(slots=True)
class ReprocessResult:
    """What a reprocess did: objects judged anew, what differs by table, corrections of accounts, releases made, bytes of raw read."""

    objects: int = 0
    differences: list[TableDifference] = field(default_factory=list)
    corrections: list[Account] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)
    bytes_read: int = 0


def reprocess(
    lake: Lake, window: Window, *, check: Check | None = None, progress: Progress = quiet
) -> ReprocessResult:
    """Judge the curated objects of a window anew. Objects that no run has taken yet are left to the next curate.

    Raises:
        HeldError: when the lake is paused, another reprocess is under way, or a run held the lake for too long.
        StorageError: when the disk is full, or an object is gone from raw; running again is safe.
    """
    refuse_while_paused(lake)
    with lake.reprocess_lease.hold(secrets.token_hex(8)):
        standings = standings_within(lake, lake.releases.latest(), window)
        return judge_anew(lake, standings, check=check, progress=progress)


def judge_anew(
    lake: Lake,
    standings: Mapping[str, Standing],
    *,
    verb: str = "reprocess",
    check: Check | None = None,
    progress: Progress = quiet,
) -> ReprocessResult:
    """Judge curated objects anew, given with what the ledger says of them. The caller holds the lease on reprocessing.

    Raises:
        HeldError, StorageError: as for `reprocess`.
    """
    todo = Plan([(name, each.account.object_bytes) for name, each in standings.items()], [])
    result = ReprocessResult()
    # always the same folder, so that the next reprocess clears up after one that was killed
    with (
        scratch_folder(lake.scratch("reprocess")) as folder,
        open_engine(lake, todo.size, preload=["pipeline._tasks"]) as engine,
    ):
        for batches in todo.slices(engine.slice_bytes):
            refuse_while_paused(lake)
            began = time.monotonic()
            staged = decode(lake, folder, batches, engine, progress=progress)
            reach("reprocess.decoded")
            _restate(_Slice(lake, verb, folder, staged, began), engine, result, check)
        result.bytes_read = engine.bytes_read
    return result


@dataclass(slots=True)
class _Slice:
    """Objects that are judged together: as decoded, in files of `folder`; `began` is of the monotonic clock."""

    lake: Lake
    verb: str
    folder: str
    staged: list[StagedBatch]
    began: float


def _restate(part: _Slice, engine: Engine, result: ReprocessResult, check: Check | None) -> None:
    lake, lease_id = part.lake, secrets.token_hex(8)
    with lake.lease.hold(lease_id, patience=PATIENCE):
        recover(lake)
        with new_run(lake, part.verb) as run:
            settled, standings, days = _settled(run, part, engine)
            found = restate(run, part.staged, settled, days, engine)
            corrections = _corrections(part.staged, settled, standings, found.curated)
            reach("reprocess.compared")
            if check is not None:
                check(found.differences)
            if corrections:
                write_ledger(run, ledger_rows(corrections, run.run_id, run.started_at, run.number))
            if run.moves:
                work = work_of(part.staged, part.began)
                result.releases.append(publish(run, lease_id=lease_id, work=work).number)
    result.objects += len(standings)
    result.differences += found.differences
    result.corrections += corrections


def _settled(run: Run, part: _Slice, engine: Engine) -> tuple[Settled, dict[str, Standing], Days]:
    """Settle the objects' records against all others; also returns the objects' standings, and the days that may hold their rows.

    Where a record that counted is none any more, one of another object may count in its place: that object is then judged
    anew too, until no such record is left.
    """
    while True:
        names = [each.raw_object for batch in part.staged for each in batch.objects]
        standings = standings_of(run.lake, run.base, names)
        if len(standings) < len(names):
            raise HeldError("An undo took objects of the window back meanwhile. Run again.")
        days = touched(run.lake, standings)
        settled = settle(run, part.staged, engine, _withdrawn(run, standings, days))
        more = sorted({str(row["raw_object"]) for row in settled.displaced if row["fate"] == "curated"})
        if not more:
            return settled, standings, days
        part.staged += decode(run.lake, part.folder, [[name] for name in more], engine)


def _withdrawn(run: Run, standings: dict[str, Standing], days: Days) -> list[IndexFile]:
    """The files of the index that may hold records of the objects."""
    snapshot = run.snapshot(EVENT_IDS)
    if snapshot is None:
        return []
    wanted = {(day - EPOCH).days for day in days.get(EVENT_IDS, ())}
    files = run.lake.catalogue.files(EVENT_IDS, snapshot)
    return [
        IndexFile(readable(file), frozenset(standings)) for file in files if partition_day(file) in wanted
    ]


def _corrections(
    staged: list[StagedBatch], settled: Settled, standings: dict[str, Standing], written: int
) -> list[Account]:
    """What the ledger is to say besides: for objects judged anew, and for others whose records changed places with theirs."""
    corrections = []
    for account in draw_up(staged, settled, written):
        standing = standings.get(account.raw_object)
        correction = difference(account, standing.account) if standing else account
        corrections += [correction] if correction else []
    return corrections
