"""Undo: the lake as it was before its newest curate, in a release that follows."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from contracts.errors import UsageError
from lakehouse.datafiles import EPOCH, partition_day
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.releases import Release
from pipeline.build import BI_FILE, write_bi_file
from pipeline.raw_changes import ERASE
from pipeline.recovery import recover
from pipeline.run import Run, new_run, publish

_JUDGING: Final = frozenset({"curate", "reprocess", ERASE})
"""Runs that judge raw; others follow from them."""


@dataclass(frozen=True, slots=True)
class TableUndone:
    """A table that an undo changes, and its rows before and after."""

    table: str
    rows_before: int
    rows_after: int


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo takes back, newest first, and what that does to tables. `release` is the one made, None where none was."""

    releases: tuple[Release, ...]
    tables: tuple[TableUndone, ...]
    release: int | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """Data files of a table that an undo brings back, and those it takes away. `rows` are those of the table now."""

    table: str
    rows: int
    back: list[Any]
    gone: list[Any]

    @property
    def days(self) -> set[dt.date]:
        """The partitions that differ."""
        found = (partition_day(file) for file in (*self.back, *self.gone))
        return {EPOCH + dt.timedelta(days=day) for day in found if day is not None}


def plan_undo(lake: Lake, run_id: str) -> Undone:
    """Say what `undo` would take back, and change nothing.

    Raises:
        UsageError: when the run is not the newest curate.
    """
    taken_back, before = _taken_back(lake, run_id)
    return Undone(taken_back, _counted(_differences(lake, before)))


def undo(lake: Lake, run_id: str) -> Undone:
    """Put every table back to the release before a run, in a new release: the run's, and what was derived and built of it, is gone.

    The raw objects of the run are unknown to the ledger again, so the next curate takes them.

    Args:
        lake: the lake.
        run_id: the newest curate that is in force; one before it is undone after it.

    Raises:
        UsageError: when the run is not that.
        HeldError: when another run holds the lake; nothing was undone.
    """
    lease_id = secrets.token_hex(8)
    with lake.lease.hold(lease_id):
        recover(lake)
        taken_back, before = _taken_back(lake, run_id)
        found = _differences(lake, before)
        with new_run(lake, "undo") as run:
            for each in found:
                _stage(run, each)
            release = publish(
                run,
                derived=before.derived if before else 0,
                built=before.built if before else 0,
                restores=before.number if before else 0,
                lease_id=lease_id,
            )
    if (lake.root / BI_FILE).exists():
        write_bi_file(lake)
    return Undone(taken_back, _counted(found), release.number)


def newest_curate(lake: Lake) -> Release | None:
    """The release of the newest curate or reprocess that is in force: the one that can be undone. None after an erasure."""
    found = _since_newest_curate(lake)
    return found[-1] if found and found[-1].verb != ERASE else None


def _since_newest_curate(lake: Lake) -> tuple[Release, ...]:
    """The releases in force from the newest back to that of a curate; none where there is none."""
    found = []
    for release in _in_force(lake, lake.releases.latest()):
        found.append(release)
        if release.verb in _JUDGING:
            return tuple(found)
    return ()


def _taken_back(lake: Lake, run_id: str) -> tuple[tuple[Release, ...], Release | None]:
    """The releases from the newest back to the run's, and the one before that."""
    found = _since_newest_curate(lake)
    if not found:
        raise UsageError("There is no run to undo: nothing was curated yet, or all of it is undone.")
    newest = found[-1]
    if newest.verb == ERASE:
        raise UsageError(
            f"Run {newest.run_id} erased a person. An undo would bring back what has to stay gone, so it and all before it stay as they are."
        )
    if newest.run_id != run_id:
        raise UsageError(
            f"{run_id} is not the newest curate that is in force, which is {newest.run_id}. Undo that first; `lake status` names it."
        )
    return found, lake.releases.get(newest.number - 1) if newest.number > 1 else None


def _in_force(lake: Lake, release: Release | None) -> Iterable[Release]:
    """Releases from one back to the first, without those that were undone and the undoings."""
    while release is not None:
        if release.restores is None:
            yield release
        number = release.number - 1 if release.restores is None else release.restores
        release = lake.releases.get(number) if number else None


def _differences(lake: Lake, before: Release | None) -> list[_Difference]:
    """What differs between the lake now and a release."""
    latest = lake.releases.latest()
    then, now = (each.tables if each else {} for each in (before, latest))
    names = sorted(name for name in now if then.get(name) != now[name])
    listed = lake.catalogue.files_of({name: now[name] for name in names})
    earlier = lake.catalogue.files_of({name: then[name] for name in names if name in then})
    found = (_difference(name, earlier.get(name, []), listed[name]) for name in names)
    return [each for each in found if each.back or each.gone]


def _difference(table: str, then: list[Any], now: list[Any]) -> _Difference:
    old, new = ({file.file_path: file for file in files} for files in (then, now))
    return _Difference(
        table,
        _rows(now),
        back=[old[path] for path in sorted(old.keys() - new.keys())],
        gone=[new[path] for path in sorted(new.keys() - old.keys())],
    )


def _stage(run: Run, each: _Difference) -> None:
    table = run.lake.catalogue.load(each.table)
    if table is None:
        raise AssertionError(f"{each.table} is in a release and not in the catalogue")
    run.moves[each.table] = run.lake.catalogue.stage(table, run.run_id, each.back, each.gone)
    run.changes[each.table] = sorted(str(day) for day in each.days)
    reach("curate.staged")


def _counted(found: list[_Difference]) -> tuple[TableUndone, ...]:
    return tuple(
        TableUndone(each.table, each.rows, each.rows + _rows(each.back) - _rows(each.gone)) for each in found
    )


def _rows(files: list[Any]) -> int:
    return sum(file.record_count for file in files)
