"""Retention: what has been kept for as long as its contract allows goes from raw, and from all that is made of it."""

from __future__ import annotations

import datetime as dt
import secrets
from functools import partial

import msgspec

from contracts.subjects import ERASED
from lakehouse.failpoints import reach
from lakehouse.lake import Lake
from lakehouse.retentions import Retention
from pipeline.build import build
from pipeline.curate import Progress, quiet
from pipeline.derive import derive
from pipeline.past_retention import Past, past_retention
from pipeline.pause import refuse_while_paused
from pipeline.raw_changes import RETAIN, fence, rewrite_raw
from pipeline.reprocess import judge_anew
from pipeline.window import standings_of
from transforms.repack import repack
from transforms.retain import Trimmer


def retain(lake: Lake, now: dt.datetime, *, progress: Progress = quiet) -> Retention | None:
    """Take out what is too old; None where nothing is. Broken off, the same call goes on.

    Args:
        lake: the lake.
        now: the time now, with zone.
        progress: told of raw objects rewritten.

    Raises:
        HeldError: when the lake is paused, or another run holds it; doing it again is safe.
    """
    refuse_while_paused(lake)
    with lake.reprocess_lease.hold(secrets.token_hex(8)):
        begun = lake.retentions.begun(now)
        past, noted = past_retention(lake, now), lake.retentions.changes(begun)
        names = sorted({*past.objects, *(each.raw_object for each in noted)})
        if not names:
            return None
        begun = msgspec.structs.replace(begun, records={**begun.records, **past.counts})
        lake.retentions.put(begun)
        rewrite = _Rewrite(lake, past, now)
        rewrite_raw(lake, past.objects, rewrite, noted, partial(lake.retentions.note, begun), progress)
        reach("retain.rewritten")
        result = judge_anew(lake, standings_of(lake, lake.releases.latest(), names), verb=RETAIN)
    derive(lake)
    build(lake)
    fence(lake, RETAIN)
    rows = {each.table: sum(day.removed + day.changed for day in each.days) for each in result.differences}
    done = msgspec.structs.replace(begun, rows=rows, releases=tuple(result.releases), done_at=now)
    lake.retentions.put(done)
    return done


class _Rewrite:
    """Makes raw objects without what is past its retention."""

    def __init__(self, lake: Lake, past: Past, now: dt.datetime) -> None:
        self._trimmer = Trimmer(lake.declarations)
        self._past = past
        self._places = {name: place for place, name in enumerate(past.objects)}
        self._now = now.astimezone(dt.UTC).replace(tzinfo=None)

    def __call__(self, name: str, data: bytes) -> bytes:
        occurred = self._past.of(self._places[name])
        differing: list[int] = []

        def replacement(number: int, record: bytes) -> bytes:
            left = self._left(record, occurred[number]) if number in occurred else record
            differing.extend([number] if left != record else [])
            return left

        after = repack(data, replacement)
        return after if differing else data

    def _left(self, record: bytes, occurred_at: dt.datetime | None) -> bytes:
        """What is left of a record; of one that was rejected, and record of nothing, nothing."""
        return ERASED if occurred_at is None else self._trimmer.trimmed(record, self._now - occurred_at)
