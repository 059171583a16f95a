"""After a kill: finish what was decided, take back what was not, and clear up after a grace."""

from __future__ import annotations

import secrets
import time
from typing import TypeVar

import msgspec

from lakehouse.lake import Lake
from lakehouse.records import Records
from lakehouse.releases import Release
from pipeline.run import RunRecord, discard_run, finish, forget_run, orphans_of

T = TypeVar("T")


class Lost(msgspec.Struct):
    """What a lost run left behind: recorded when found, deleted after the grace."""

    run_id: str
    found_at: float
    files: list[str]


def recover(lake: Lake) -> list[str]:
    """Bring the lake into order before a run begins, and clear files whose grace is over.

    A claimed release is finished. Then, before branches of lost runs are dropped, an empty release is claimed: a lost run
    that was only stopped, and comes back, finds its number taken and publishes nothing.

    Returns:
        The runs found lost.

    Raises:
        HeldError: when another run publishes at this moment.
    """
    unfinished = lake.releases.unfinished()
    if unfinished is not None:
        finish(lake, unfinished)
    lost = _unpublished(lake)
    if lost:
        _fence(lake, lost)
        for run_id in lost:
            _record(lake, run_id)
    _clear(lake)
    return lost


def lost_runs(lake: Lake) -> list[Lost]:
    """What is recorded of lost runs whose files are still there."""
    return list(_decoded(_lost(lake), Lost).values())


def _lost(lake: Lake) -> Records:
    return lake.run_records.below("lost")


def _decoded(records: Records, kind: type[T]) -> dict[str, T]:
    """Every record by its name; one that somebody deletes meanwhile is left out."""
    found = ((name, records.read(name)) for name in records.names())
    return {name: msgspec.json.decode(data, type=kind) for name, data in found if data is not None}


def _unpublished(lake: Lake) -> list[str]:
    """Runs that have a record and no release; the lease is ours, so none of them is alive by right."""
    lost = []
    for run_id, record in _decoded(lake.run_records, RunRecord).items():
        release = lake.releases.find(record.base + 1)
        if release is not None and release.run_id == run_id:
            forget_run(lake, run_id)
        else:
            lost.append(run_id)
    return lost


def _fence(lake: Lake, lost: list[str]) -> None:
    latest = lake.releases.latest()
    fence = Release(
        number=latest.number + 1 if latest else 1,
        run_id=f"recovery-of-{lost[0]}-{secrets.token_hex(4)}",
        verb="recover",
        created_at=latest.created_at if latest else "",
        tables=latest.tables if latest else {},
        discarded=lost,
        derived=latest.derived if latest else 0,
        built=latest.built if latest else 0,
        unlisted=latest.unlisted if latest else 0,
    )
    lake.releases.claim(fence)
    finish(lake, fence)


def _record(lake: Lake, run_id: str) -> None:
    record = Lost(run_id, time.time(), orphans_of(lake, run_id))
    _lost(lake).write(run_id, msgspec.json.encode(record))
    discard_run(lake, run_id)


def _clear(lake: Lake) -> None:
    for lost in lost_runs(lake):
        if time.time() - lost.found_at >= lake.profile.grace_seconds:
            lake.warehouse.delete(lost.files)
            _lost(lake).delete(lost.run_id)
