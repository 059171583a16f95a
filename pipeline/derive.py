"""Derive: bring the derived tables up to the newest release, from what changed in the events since they last were.

A run of its own after curate, so that it costs once however many runs curate took, and holds for every way events can
change: new, late, displaced, reprocessed or erased.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from lakehouse.engine import open_engine
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from pipeline._changes import Cuts
from pipeline._identities import derive_identities
from pipeline._sessions import derive_sessions
from pipeline._stock import derive_stock
from pipeline.pause import refuse_while_paused
from pipeline.recovery import recover
from pipeline.run import new_run, publish

_STEPS: Final = {
    "sessions": derive_sessions,
    "stock_ledger": derive_stock,
    "identity_edges": derive_identities,
}
"""By the table that each makes first; contracts of one's own may declare none."""


@dataclass(slots=True)
class DeriveResult:
    """What a derive did: rows written by table, and the release made; None where nothing they depend on changed."""

    rows: dict[str, int] = field(default_factory=dict)
    release: int | None = None


def derive(lake: Lake) -> DeriveResult:
    """Bring the derived tables up to the newest release.

    Raises:
        HeldError: when another run holds the lake or won the race, or the lake is paused; nothing was published.
        StorageError: when the disk is full; running again is safe.
    """
    lease_id = secrets.token_hex(8)
    refuse_while_paused(lake)
    with lake.lease.hold(lease_id):
        recover(lake)
        cuts = _cuts(lake)
        if cuts is None or not any(cuts.days(event_type) for event_type in _inputs(lake)):
            return DeriveResult()
        with (
            open_engine(lake, _bytes(cuts), preload=["pipeline.derive"]) as engine,
            new_run(lake, "derive") as run,
        ):
            steps = [step for name, step in _STEPS.items() if name in lake.declarations.derived]
            tables = [table for step in steps for table in step(run, cuts, engine)]
            reach("derive.derived")
            for table in tables:
                table.stage()
            release = publish(run, derived=cuts.after.number, lease_id=lease_id)
    rows = {table.name: sum(file.metadata.num_rows for file in table.files) for table in tables}
    return DeriveResult(rows, release.number)


def _cuts(lake: Lake) -> Cuts | None:
    after = lake.releases.latest()
    if after is None:
        return None
    return Cuts(lake, lake.releases.get(after.derived) if after.derived else None, after)


def _inputs(lake: Lake) -> set[str]:
    derived = lake.declarations.derived.values()
    return {name for table in derived if table.derived for name in table.derived.inputs} & set(
        lake.declarations.events
    )


def _bytes(cuts: Cuts) -> int:
    """Bytes of the files that came: as Parquet, so a fraction of what they were in raw."""
    return 8 * sum(cuts.bytes_added(event_type) for event_type in _inputs(cuts.lake))
