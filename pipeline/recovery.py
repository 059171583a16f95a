"""After a kill: finish what was decided, take back what was not, and clear up after a grace."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.store import write_whole
from pipeline.run import discard_run, finish, orphans_of


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
    return [
        msgspec.json.decode(path.read_bytes(), type=Lost)
        for path in sorted((lake.runs / "lost").glob("*.json"))
    ]


def _unpublished(lake: Lake) -> list[str]:
    """Runs that have a working folder and no release; the lease is ours, so none of them is alive by right."""
    found = sorted(path.parent.name for path in lake.runs.glob("*/run.json"))
    published = {release.run_id for release in lake.releases.since(0)} if found else set()
    for run_id in published.intersection(found):
        shutil.rmtree(lake.runs / run_id)
    return [run_id for run_id in found if run_id not in published]


def _fence(lake: Lake, lost: list[str]) -> None:
    latest = lake.releases.latest()
    fence = Release(
        number=latest.number + 1 if latest else 1,
        run_id=f"recovery-of-{lost[0]}",
        verb="recover",
        created_at=latest.created_at if latest else "",
        tables=latest.tables if latest else {},
        discarded=lost,
        derived=latest.derived if latest else 0,
        built=latest.built if latest else 0,
    )
    lake.releases.claim(fence)
    finish(lake, fence)


def _record(lake: Lake, run_id: str) -> None:
    record = msgspec.json.encode(Lost(run_id, time.time(), orphans_of(lake, run_id)))
    write_whole(lake.runs / "lost" / f"{run_id}.json", record)
    discard_run(lake, run_id)


def _clear(lake: Lake) -> None:
    for lost in lost_runs(lake):
        if time.time() - lost.found_at >= lake.profile.grace_seconds:
            for file in lost.files:
                Path(file).unlink(missing_ok=True)
            (lake.runs / "lost" / f"{lost.run_id}.json").unlink()
