"""Maintain: many small files of a day become one, old releases and their files go. Nothing that a release in force names is touched."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from contracts.layout import CURATED, curated_table
from lakehouse.datafiles import PartitionedWriter, partition_day, read_rows, readable, target_of
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Release
from pipeline.pause import refuse_while_paused
from pipeline.raw_changes import ERASE, RETAIN
from pipeline.recovery import recover
from pipeline.rewriting import CROWDED
from pipeline.run import new_run, publish

_EXPIRY: Final = "expiry"


@dataclass(slots=True)
class Maintained:
    """What maintenance did, or would do: files that became one by table and day, releases that can be read no more, files deleted."""

    compacted: dict[str, dict[str, int]] = field(default_factory=dict)
    expired: list[int] = field(default_factory=list)
    deleted: int = 0
    releases: list[int] = field(default_factory=list)


class Expiry(msgspec.Struct, frozen=True):
    """An expiry that is decided: releases, snapshots by table, and the files that only they name. Whoever finds it finishes it."""

    releases: list[int]
    snapshots: dict[str, list[int]]
    files: list[str]


def plan_maintain(lake: Lake, now: dt.datetime) -> Maintained:
    """Look, and change nothing."""
    expiry = _expiry(lake, now)
    compacted = {table: _counted(files) for table, files in _crowded(lake).items()}
    return Maintained(compacted, expiry.releases, len(expiry.files))


def maintain(lake: Lake, now: dt.datetime) -> Maintained:
    """Compact, then expire. Killed anywhere, the next call goes on.

    Args:
        lake: the lake.
        now: the time now, with zone.

    Raises:
        HeldError: when another run holds the lake, or the lake is paused.
    """
    refuse_while_paused(lake)
    result = Maintained()
    lease_id = secrets.token_hex(8)
    with lake.lease.hold(lease_id):
        recover(lake)
        _finish(lake, result)
        for table, files in _crowded(lake).items():
            result.compacted[table] = _counted(files)
            result.releases.append(_compact(lake, table, files, lease_id).number)
        expiry = _expiry(lake, now)
        if expiry.snapshots:
            lake.upkeep.write(_EXPIRY, msgspec.json.encode(expiry))
            reach("maintain.decided")
            _finish(lake, result)
    return result


def _crowded(lake: Lake) -> dict[str, list[Any]]:
    """Files of the days of curated tables that have many, by table."""
    release = lake.releases.latest()
    tables = {
        name: snapshot
        for name, snapshot in (release.tables.items() if release else ())
        if name.startswith(f"{CURATED}.")
    }
    found = {}
    for name, files in lake.catalogue.files_of(tables).items():
        counts = Counter(partition_day(file) for file in files)
        crowded = [file for file in files if counts[partition_day(file)] >= CROWDED]
        if crowded:
            found[name] = crowded
    return found


def _counted(files: Iterable[Any]) -> dict[str, int]:
    days = Counter(partition_day(file) for file in files)
    return {
        str(dt.date(1970, 1, 1) + dt.timedelta(days=day or 0)): count for day, count in sorted(days.items())
    }


def _compact(lake: Lake, identifier: str, files: list[Any], lease_id: str) -> Release:
    """Write the files of each day into one. The rows are the same, so no change is told to what depends on them."""
    with new_run(lake, "maintain") as run:
        table = run.table(identifier)
        written = []
        for day in sorted({partition_day(file) or 0 for file in files}):
            writer = PartitionedWriter(target_of(table, run.run_id), f"{table.name()[-1]}-compacted")
            for file in files:
                if (partition_day(file) or 0) == day:
                    writer.write(read_rows(readable(file)))
            written += writer.close()
        run.stage(table, written, files, set())
        reach("maintain.compacted")
        return publish(run, lease_id=lease_id)


def _kept_and_others(lake: Lake, now: dt.datetime) -> tuple[list[Release], list[Release]]:
    """Releases that stay readable, and all others, of which most are expired already.

    The newest stay, and those that are young. What an erasure or a retention took out is in those before it, so after `keep_days` none of them stays.
    """
    releases = list(lake.releases.since(0))
    if not releases:
        return [], []
    latest = releases[-1]
    oldest_by_count = latest.number - lake.profile.keep_releases + 1
    took_out = (each for each in releases if each.verb in {ERASE, RETAIN} and not _is_young(lake, each, now))
    emptied = max((each.number for each in took_out), default=0)
    kept = [
        each
        for each in releases
        if each is latest
        or (each.number >= emptied and (each.number >= oldest_by_count or _is_young(lake, each, now)))
    ]
    numbers = {each.number for each in kept}
    return kept, [each for each in releases if each.number not in numbers]


def _is_young(lake: Lake, release: Release, now: dt.datetime) -> bool:
    made = dt.datetime.fromisoformat(release.created_at.removesuffix("Z")).replace(tzinfo=dt.UTC)
    return now - made < dt.timedelta(days=lake.profile.keep_days)


def _expiry(lake: Lake, now: dt.datetime) -> Expiry:
    """Snapshots that no kept release and no run under way names, the files that only they name, and the releases that are read no more."""
    kept, others = _kept_and_others(lake, now)
    snapshots: dict[str, list[int]] = {}
    files: list[str] = []
    for identifier in lake.catalogue.identifiers():
        releases = [*kept, *_compared_with(lake, identifier, kept[-1:])]
        needed = {each.tables[identifier] for each in releases if identifier in each.tables}
        gone, only_theirs = lake.catalogue.expirable(identifier, needed)
        if gone:
            snapshots[identifier] = gone
            files += only_theirs
    going = {each for gone in snapshots.values() for each in gone}
    return Expiry([r.number for r in others if going & set(r.tables.values())], snapshots, files)


def _compared_with(lake: Lake, identifier: str, latest: list[Release]) -> Iterator[Release]:
    """Releases that the next derive and the next build compare a table with: of event types, and of derived tables too."""
    events = set(map(curated_table, lake.declarations.events))
    for release in latest:
        if release.derived and identifier in events:
            yield lake.releases.get(release.derived)
        if release.built and identifier.startswith(f"{CURATED}."):
            yield lake.releases.get(release.built)


def _finish(lake: Lake, result: Maintained) -> None:
    """Carry out an expiry that is decided."""
    data = lake.upkeep.read(_EXPIRY)
    if data is None:
        return
    expiry = msgspec.json.decode(data, type=Expiry)
    for identifier, gone in expiry.snapshots.items():
        lake.catalogue.expire(identifier, gone)
        reach("maintain.expiring")
    lake.warehouse.delete(expiry.files)
    result.expired += expiry.releases
    result.deleted += len(expiry.files)
    lake.upkeep.delete(_EXPIRY)
