"""What a reprocess of a window would read and could touch, and how long it may take; nothing is changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from contracts.layout import curated_table
from lakehouse.lake import Lake
from lakehouse.releases import Release, Work
from pipeline.build import project_of
from pipeline.cost import Cost, estimated_cost
from pipeline.rebuilds import load_rules
from pipeline.window import Window, standings_within, touched

_RECENT: Final = 20
"""Runs of before from which the time is estimated."""
_LOOKED_AT: Final = 200
"""Releases that are looked at for them."""


@dataclass(frozen=True, slots=True)
class ReprocessPlan:
    """What a reprocess would read, and could touch.

    `days`: partitions (ISO dates) by curated table. `seconds`: as recorded runs took for so many bytes; None where there is no record.
    `cost`: on AWS, for that time.
    """

    raw_objects: int
    raw_bytes: int
    records: int
    days: dict[str, list[str]]
    marts: list[str]
    seconds: float | None
    cost: Cost | None


def plan_reprocess(lake: Lake, window: Window) -> ReprocessPlan:
    """Look, and change nothing."""
    release = lake.releases.latest()
    standings = standings_within(lake, release, window)
    days = touched(lake, standings)
    curated = {
        table: sorted(map(str, days[table]))
        for table in map(curated_table, sorted(lake.declarations.events))
        if days.get(table)
    }
    size = sum(each.account.object_bytes for each in standings.values())
    seconds = _estimated(lake, release, size)
    return ReprocessPlan(
        raw_objects=len(standings),
        raw_bytes=size,
        records=sum(each.account.records for each in standings.values()),
        days=curated,
        marts=_marts(lake, curated),
        seconds=seconds,
        cost=estimated_cost(lake.profile, seconds, len(standings)),
    )


def _marts(lake: Lake, tables: Iterable[str]) -> list[str]:
    """Marts that depend on those tables, or on what is derived of them."""
    concerned = set(tables)
    for table in lake.declarations.derived.values():
        if table.derived and concerned & set(map(curated_table, table.derived.inputs)):
            concerned.add(table.identifier)
    rules = load_rules(project_of(lake))
    return sorted(rule.mart for rule in rules if concerned & {*rule.sources, *rule.from_day})


def _estimated(lake: Lake, release: Release | None, size: int) -> float | None:
    works = list(itertools.islice(_works(lake, release), _RECENT))
    read = sum(work.raw_bytes for work in works)
    return size * sum(work.seconds for work in works) / read if read else None


def _works(lake: Lake, release: Release | None) -> Iterator[Work]:
    """What runs took, the newest first."""
    newest = release.number if release else 0
    for number in range(newest, max(0, newest - _LOOKED_AT), -1):
        found = lake.releases.find(number)
        if found is not None and found.work is not None:
            yield found.work
