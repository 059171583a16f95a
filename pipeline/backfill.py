"""Backfill: a reprocess that was written down and reviewed, slice by slice, each held against what is expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec

from contracts.backfills import Backfill, Expectation
from contracts.errors import UsageError
from ingestion.publisher import utc_now
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from pipeline.curate import Progress, quiet
from pipeline.expectation import hold_against
from pipeline.reprocess import reprocess
from pipeline.restate import TableDifference
from pipeline.window import Window


class SliceDone(msgspec.Struct, frozen=True):
    """A slice that is published (or in which nothing differed), and when."""

    start: dt.datetime
    end: dt.datetime
    raw_objects: int
    differences: tuple[TableDifference, ...]
    releases: tuple[int, ...]
    done_at: dt.datetime


class BackfillRecord(msgspec.Struct, frozen=True):
    """What is known of a backfill: its file as it was run, and the slices that are done."""

    name: str
    owner: str
    reason: str
    digest: str
    text: str
    slices: int
    done: tuple[SliceDone, ...] = ()

    @property
    def is_complete(self) -> bool:
        """True once every slice is done."""
        return len(self.done) == self.slices


def windows(backfill: Backfill) -> Iterator[Window]:
    """The slices of a backfill, oldest first."""
    start = backfill.start
    while start < backfill.end:
        end = min(start + dt.timedelta(hours=backfill.slice_hours), backfill.end)
        yield Window(start, end)
        start = end


def run_backfill(
    lake: Lake,
    backfill: Backfill,
    *,
    clock: Callable[[], dt.datetime] = utc_now,
    progress: Progress = quiet,
) -> BackfillRecord:
    """Run the slices of a backfill that are not done yet. Broken off, the next call goes on.

    Args:
        lake: the lake.
        backfill: the backfill.
        clock: the time now, with zone.
        progress: told of slices done.

    Raises:
        ExpectationError: when a slice does not come out as expected; the slices before it are published.
        HeldError: when the lake is paused, or another reprocess is under way.
        UsageError: when the file is not the one that the slices done were run by, or names unknown event types.
    """
    record = _begun(lake, backfill)
    todo = list(windows(backfill))[len(record.done) :]
    for window in todo:
        result = reprocess(lake, window, check=lambda found: hold_against(backfill.expect, found))
        reach("backfill.published")
        outcome = result.objects, tuple(result.differences), tuple(result.releases)
        done = SliceDone(window.start, window.end, *outcome, done_at=clock())
        record = msgspec.structs.replace(record, done=(*record.done, done))
        lake.backfills.write(backfill.name, msgspec.json.encode(record))
        progress("slices done", len(record.done), record.slices)
    return record


def backfill_records(lake: Lake) -> list[BackfillRecord]:
    """Every backfill that was begun, by name."""
    found = (lake.backfills.read(name) for name in lake.backfills.names())
    return [msgspec.json.decode(data, type=BackfillRecord) for data in found if data is not None]


def _begun(lake: Lake, backfill: Backfill) -> BackfillRecord:
    _check(lake, backfill.expect)
    digest = sha256(backfill.text.encode()).hexdigest()
    data = lake.backfills.read(backfill.name)
    if data is None:
        slices = len(list(windows(backfill)))
        return BackfillRecord(backfill.name, backfill.owner, backfill.reason, digest, backfill.text, slices)
    record = msgspec.json.decode(data, type=BackfillRecord)
    if record.digest != digest:
        raise UsageError(
            f"Backfill {backfill.name} was begun with another text, and {len(record.done)} of its {record.slices} slices are done. "
            "Put the text back (`lake backfill status --json` has it), or give the new one a name of its own."
        )
    return record


def _check(lake: Lake, expected: Expectation) -> None:
    for event_type in expected.events:
        lake.declarations.event(event_type)
