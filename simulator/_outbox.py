"""The shop's way out: events become envelopes and leave in the order of their arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from typing import Any, Final

import orjson
from msgspec import Struct

from contracts.declarations import Declarations
from simulator._chance import Chance
from simulator._envelope import PUNCTUAL, Event, Sender, opening, producer_of
from simulator._timeline import HOUR, MINUTE, SECOND

LATE_SHARE: Final = 0.004
"""Share of the events of apps and tills that were offline when they happened."""

SLOT: Final = 5 * MINUTE
"""Events wait for their arrival in slots of this length."""

_SLOT_SECONDS = SLOT // SECOND
_MOST_LAG = 4 * SECOND
_LEAST_LATE, _LATE_SPREAD = 5 * MINUTE, 576  # 2 days are 576 times 5 minutes
_arrived = attrgetter("arrived")


@dataclass(frozen=True, slots=True)
class Window:
    """The simulated time, in microseconds since 1970; the end is excluded."""

    start: int
    end: int


class Arrival(Struct, frozen=True, gc=False):
    """One record as it reaches the bus: when (seconds since 1970) and its bytes."""

    at: int
    line: bytes


class Outbox:
    """Takes exactly as many events as are wanted, and only those that arrive within the window."""

    def __init__(self, declarations: Declarations, rng: Chance, window: Window, events: int) -> None:
        self.left = events
        self._wanted = events
        self._entities = {name: event.latest.entity for name, event in declarations.events.items()}
        self._rng = rng
        self._closes = window.end - PUNCTUAL
        self._latest = window.end - HOUR
        self._slots: defaultdict[int, list[Event]] = defaultdict(list)
        self._senders: dict[tuple[str, int, str], Sender] = {}
        self._sequences: defaultdict[str, Iterator[int]] = defaultdict(count)

    @property
    def taken(self) -> int:
        """How many events were taken so far."""
        return self._wanted - self.left

    def room(self, events: int, until: int) -> bool:
        """True when that many events, the last at `until`, are sure to be taken. Ask before sending what belongs together."""
        return self.left >= events and until < self._closes

    def emit(
        self,
        event_type: str,
        occurred: int,
        data: dict[str, Any],
        *,
        channel: str,
        correlation: str | None = None,
        version: int = 1,
        may_be_late: bool = False,
    ) -> None:
        """Send one event that happens at `occurred`; without room for it, nothing happens."""
        if not self.left or occurred >= self._closes:
            return
        self.left -= 1
        sender = self._senders.get((event_type, version, channel)) or self._sender(
            event_type, version, channel
        )
        arrived = self._arrival(occurred, may_be_late=may_be_late)
        # encoded at once: bytes wait in less memory than dictionaries, and the garbage collector passes them by
        encoded = orjson.dumps(data)[1:]
        event = Event(arrived, occurred, sender, data[sender.entity], correlation, encoded)
        self._slots[arrived // _SLOT_SECONDS].append(event)

    def release(self, until: int) -> Iterator[Arrival]:
        """The events that arrive before `until`, a multiple of `SLOT`, in order."""
        for slot in sorted(s for s in self._slots if s < until // SLOT):
            for event in sorted(self._slots.pop(slot), key=_arrived):
                yield Arrival(event.arrived, event.line(self._rng.uuids()))

    def _arrival(self, occurred: int, *, may_be_late: bool) -> int:
        """When the bus takes the event in, in whole seconds."""
        if may_be_late and self._rng.chance(LATE_SHARE):
            late = occurred + int(_LEAST_LATE * _LATE_SPREAD ** self._rng.random())
            if late < self._latest:
                return late // SECOND
        return (occurred + self._rng.below(_MOST_LAG)) // SECOND + 1

    def _sender(self, event_type: str, version: int, channel: str) -> Sender:
        sequence = self._sequences[producer_of(event_type, channel)]
        sender = Sender(self._entities[event_type], sequence, opening(event_type, version, channel))
        self._senders[event_type, version, channel] = sender
        return sender
