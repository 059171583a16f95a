"""A window of arrival, and what the ledger says of the raw objects in it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.errors import UsageError
from contracts.layout import LEDGER, arrival_date, arrival_hour
from lakehouse.datafiles import readable
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from pipeline.accounts import Account

_HOUR: Final = dt.timedelta(hours=1)
_STANDINGS: Final = """
select
    raw_object, sum(object_bytes)::bigint as object_bytes, sum(records)::bigint as records, sum(curated)::bigint as curated,
    sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined, sum(erased)::bigint as erased,
    sum(unread_bytes)::bigint as unread_bytes, arg_max(problem, recorded_at) filter (problem is not null) as problem,
    list(distinct release) as releases
from read_parquet(?, hive_partitioning = false, union_by_name = true)
group by raw_object
"""


Days = dict[str, set[dt.date]]
"""Partitions by table identifier."""


@dataclass(frozen=True, slots=True)
class Window:
    """Raw objects that arrived from `start` until before `end` (UTC, whole hours, without zone).

    Raises:
        UsageError: when it is empty, or not of whole hours.
    """

    start: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        """See that it is a window."""
        if self.end <= self.start:
            raise UsageError(f"The window ends ({self.end}) before it begins ({self.start}).")
        if any((moment - dt.datetime.min) % _HOUR for moment in (self.start, self.end)):  # noqa: DTZ901 as above
            raise UsageError("Raw lies in folders of an hour: name whole hours, such as 2026-11-01T09:00.")

    def holds(self, raw_object: str) -> bool:
        """True for an object whose arrival hour is in it."""
        hour = arrival_hour(raw_object)
        return hour is not None and self.start <= hour < self.end

    @property
    def dates(self) -> tuple[dt.date, dt.date]:
        """Its first and its last day."""
        return self.start.date(), (self.end - _HOUR).date()


@dataclass(slots=True)
class Standing:
    """What the ledger says of a raw object: its account as it stands, and the releases that had a part in it."""

    account: Account
    releases: set[int] = field(default_factory=set)


def standings_within(lake: Lake, release: Release | None, window: Window) -> dict[str, Standing]:
    """Standings of the objects of a window that were curated, by name in order."""
    found = _standings(lake, release, *window.dates)
    return {name: each for name, each in sorted(found.items()) if window.holds(name)}


def standings_of(lake: Lake, release: Release | None, names: Iterable[str]) -> dict[str, Standing]:
    """Standings of some objects, those left out that the ledger does not know."""
    wanted = set(names)
    if not wanted:
        return {}
    dates = {arrival_date(name) for name in wanted}
    found = _standings(lake, release, min(dates), max(dates))
    return {name: found[name] for name in sorted(wanted) if name in found}


def _standings(lake: Lake, release: Release | None, first: dt.date, last: dt.date) -> dict[str, Standing]:
    snapshot = release.tables.get(LEDGER) if release else None
    if snapshot is None:
        return {}
    span = f"ingest_date >= '{first}' and ingest_date <= '{last}'"
    files = [readable(file) for file in lake.catalogue.files(LEDGER, snapshot, span)]
    if not files:
        return {}
    with open_duckdb(files[0]) as connection:
        relation = connection.sql(_STANDINGS, params=[files])
        rows = relation.to_arrow_table().to_pylist()
    return {row["raw_object"]: _standing(row) for row in rows}


def _standing(row: dict[str, Any]) -> Standing:
    releases = set(row.pop("releases"))
    return Standing(Account(**row), releases)


def touched(lake: Lake, standings: Mapping[str, Standing]) -> Days:
    """Days of each table that may hold rows of those objects: what the releases changed that had a part in them."""
    days: dict[str, set[dt.date]] = defaultdict(set)
    for number in sorted(set().union(*(each.releases for each in standings.values()))):
        for identifier, changed in lake.releases.get(number).changes.items():
            days[identifier].update(map(dt.date.fromisoformat, changed))
    return days
