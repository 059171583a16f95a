"""Rebuild: the whole lake again from raw and contracts, for the day when only raw survives."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import NotALakeError, UsageError
from lakehouse.lake import PROFILE, Lake
from pipeline.build import BuildResult, build
from pipeline.curate import CurateResult, Progress, curate, quiet
from pipeline.derive import derive

_DERIVED: Final = ("catalog.db", "listing.db", "warehouse", "releases", "runs", "build", "bi.duckdb")
"""What follows from raw; the event log and the profile do not."""


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What a rebuild would set aside and read."""

    root: Path
    set_aside: list[str]
    raw_objects: int
    raw_bytes: int


def plan_rebuild(root: Path) -> RebuildPlan:
    """Look, and change nothing.

    Raises:
        NotALakeError: when there is no raw to rebuild from.
        UsageError: when the lake is on S3.
    """
    if (root / PROFILE).exists() and Lake.open(root).profile.is_remote:
        raise UsageError(
            f"{root} is a lake on S3, where nothing is set aside. Make a new one beside it: copy its raw prefix to another "
            "(`aws s3 sync`), `lake init` with that prefix as --store, then `lake run`."
        )
    raw = root / "raw"
    if not raw.is_dir():
        raise NotALakeError(
            f"{root} has no raw folder to rebuild from. Restore raw there first, or name another with --lake."
        )
    sizes = [path.stat().st_size for path in raw.rglob("*") if path.is_file()]
    return RebuildPlan(root, [name for name in _DERIVED if (root / name).exists()], len(sizes), sum(sizes))


def rebuild(
    plan: RebuildPlan, *, progress: Progress = quiet
) -> tuple[CurateResult, BuildResult, Path | None]:
    """Set everything derived aside, then curate all of raw, derive, and build all marts.

    Returns:
        What curate and build did, and the folder with what was set aside (None where there was nothing). Delete it
        when the new lake is to your liking.
    """
    lake = _opened(plan.root)
    with lake.lease.hold(secrets.token_hex(8)):
        aside = _set_aside(plan)
    lake = Lake.open(plan.root)
    curated = curate(lake, progress=progress)
    derive(lake)
    return curated, build(lake, full=True), aside


def _opened(root: Path) -> Lake:
    if not (root / PROFILE).exists():
        Lake.adopt(root)
    return Lake.open(root)


def _set_aside(plan: RebuildPlan) -> Path | None:
    if not plan.set_aside:
        return None
    aside = plan.root / f"before-rebuild-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    aside.mkdir()
    for name in plan.set_aside:
        (plan.root / name).rename(aside / name)
    return aside
