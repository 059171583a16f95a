"""Pause: no run begins until somebody resumes; one that is under way ends with the slice it is at."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from contracts.errors import HeldError
from lakehouse.lake import Lake

_NAME: Final = "paused"


class Pause(msgspec.Struct, frozen=True):
    """Why runs wait, and since when (with zone)."""

    reason: str
    since: dt.datetime


def pause(lake: Lake, reason: str, now: dt.datetime) -> None:
    """Let no run begin. The door and landing go on: nothing is lost, it waits in raw.

    Args:
        lake: the lake.
        reason: told to whoever starts a run.
        now: the time now, with zone.
    """
    lake.pauses.write(_NAME, msgspec.json.encode(Pause(reason, now)))


def resume(lake: Lake) -> Pause | None:
    """Let runs begin again. Returns the pause that ended, or None where there was none."""
    found = pause_of(lake)
    lake.pauses.delete(_NAME)
    return found


def pause_of(lake: Lake) -> Pause | None:
    """The pause that holds, or None."""
    data = lake.pauses.read(_NAME)
    return msgspec.json.decode(data, type=Pause) if data is not None else None


def refuse_while_paused(lake: Lake) -> None:
    """Let a run go on only where the lake is not paused.

    Raises:
        HeldError: when it is; nothing is lost.
    """
    if found := pause_of(lake):
        raise HeldError(
            f"The lake is paused since {found.since:%Y-%m-%d %H:%M:%SZ}: {found.reason.rstrip('.')}. `lake resume` lets runs begin again."
        )
