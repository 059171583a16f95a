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

_CLOCK: Final = tuple(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))
_DIGITS: Final = tuple(f"{number:03d}" for number in range(1_000))

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
def _to_hour(hours: int) -> str:
    return dt.datetime.fromtimestamp(hours * 3_600, dt.UTC).isoformat()[:14]


def time_text(instant: int) -> str:
    """RFC 3339 with microseconds."""
    seconds, rest = instant // SECOND, instant % SECOND
    fraction = _DIGITS[rest // 1_000] + _DIGITS[rest % 1_000]
    return f"{_to_hour(seconds // 3_600)}{_CLOCK[seconds % 3_600]}.{fraction}Z"


def second_text(seconds: int) -> str:
    """RFC 3339 of whole seconds since 1970."""
    return f"{_to_hour(seconds // 3_600)}{_CLOCK[seconds % 3_600]}Z"


def date_text(instant: int) -> str:
    """The UTC day of an instant."""
    return _to_hour(instant // HOUR)[:10]
