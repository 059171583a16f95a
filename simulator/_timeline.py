"""Simulated time: microseconds since 1970, and what is due when."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any, Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_DAY_MINUTES: Final = DAY // MINUTE
_TWO_DIGITS: Final = tuple(f"{number:02d}" for number in range(60))
_THREE_DIGITS: Final = tuple(f"{number:03d}" for number in range(1_000))

Step = Callable[..., None]


class Timeline:
    """Steps in the order of their times; a step may plan further ones."""

    def __init__(self, start: int) -> None:
        self.now = start
        self._due: list[tuple[int, int, Step, tuple[Any, ...]]] = []
        self._order = count()

    def at(self, when: int, step: Step, *arguments: Any) -> None:
        """Plan a step for a time not before now."""
        heapq.heappush(self._due, (when, next(self._order), step, arguments))

    def run_until(self, until: int) -> None:
        """Run every step due before `until`."""
        due = self._due
        while due and due[0][0] < until:
            self.now, _, step, arguments = heapq.heappop(due)
            step(*arguments)
        self.now = until


def microseconds(day: dt.date) -> int:
    """Midnight UTC of a day."""
    return (day - dt.date(1970, 1, 1)).days * DAY


def moment(instant: int) -> dt.datetime:
    """An instant as a datetime in UTC, to the second."""
    return dt.datetime.fromtimestamp(instant // SECOND, dt.UTC)


@lru_cache(maxsize=10_000)
def _to_minute(minutes: int) -> str:
    return dt.datetime.fromtimestamp(minutes * 60, dt.UTC).isoformat()[:17]


def time_text(instant: int) -> str:
    """RFC 3339 with microseconds."""
    within = instant % MINUTE
    seconds, micros = _TWO_DIGITS[within // SECOND], within % SECOND
    upper, lower = _THREE_DIGITS[micros // 1_000], _THREE_DIGITS[micros % 1_000]
    return f"{_to_minute(instant // MINUTE)}{seconds}.{upper}{lower}Z"


def second_text(seconds: int) -> str:
    """RFC 3339 of whole seconds since 1970."""
    return f"{_to_minute(seconds // 60)}{_TWO_DIGITS[seconds % 60]}Z"


def date_text(instant: int) -> str:
    """The UTC day of an instant."""
    return _to_minute(instant // DAY * _DAY_MINUTES)[:10]
