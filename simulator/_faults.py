"""Mixes faults into the arrivals, on top of the good events and without touching them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import orjson

from simulator._broken_objects import BROKEN
from simulator._chance import Chance
from simulator._damage import CART, PAGE, PAGE_IDS_LOST
from simulator._fault_table import OBJECT_FAULTS, RECORD_FAULTS, Fault
from simulator._objects import BrokenObject, Injected, Mark, OpenObject
from simulator._outbox import Arrival
from simulator._timeline import DAY, MINUTE
from simulator._victims import Envelope, Victims

_YEAR: Final = 365 * DAY
_PUT_OFF: Final = 25


class Injector:
    """Decides when a fault is due, by the number of good events so far. A fault that finds nothing to copy is put off."""

    def __init__(self, seed: int) -> None:
        self._rng = Chance(f"faults {seed}")
        self._victims = Victims(self._rng)
        self._seen = 0
        self._records = _Schedule(self._rng, RECORD_FAULTS)
        self._objects = _Schedule(self._rng, OBJECT_FAULTS)

    def after(self, arrival: Arrival, current: OpenObject) -> Iterator[Injected]:
        """Faulty lines to add to the object after this event."""
        self._seen += 1
        self._victims.meet(arrival)
        for fault in self._records.due(self._seen):
            injected = _MAKERS[fault.name](self._victims, self._rng, current, arrival.at, fault)
            if injected:
                yield injected
            else:
                self._records.put_off(fault, self._seen + _PUT_OFF)

    def beside(self, closed: OpenObject) -> Iterator[BrokenObject]:
        """Broken objects to land beside the one just closed."""
        now = closed.good[-1].at
        for fault in self._objects.due(self._seen):
            broken = BROKEN[fault.name](self._victims, now, fault)
            if broken:
                yield broken
            else:
                self._objects.put_off(fault, self._seen + _PUT_OFF)
        self._victims.remember(closed)


class _Schedule:
    """When each fault is due next, counted in good events."""

    def __init__(self, rng: Chance, faults: Sequence[Fault]) -> None:
        self._rng = rng
        self._made: Counter[str] = Counter()
        self._by_name = {fault.name: fault for fault in faults}
        self._due = [(self._wait(fault), fault.name) for fault in faults]
        heapq.heapify(self._due)

    def due(self, seen: int) -> Iterator[Fault]:
        while self._due and self._due[0][0] <= seen:
            fault = self._by_name[heapq.heappop(self._due)[1]]
            self._made[fault.name] += 1
            if fault.most is None or self._made[fault.name] < fault.most:
                heapq.heappush(self._due, (seen + self._wait(fault), fault.name))
            yield fault

    def put_off(self, fault: Fault, until: int) -> None:
        self._made[fault.name] -= 1
        self._due = [entry for entry in self._due if entry[1] != fault.name]
        heapq.heapify(self._due)
        heapq.heappush(self._due, (until, fault.name))

    def _wait(self, fault: Fault) -> int:
        return 1 + int((0.5 + self._rng.random()) / fault.share)


_Maker = Callable[[Victims, Chance, OpenObject, int, Fault], Injected | None]


def _injected(fault: Fault, envelope: Envelope) -> Injected:
    event_id = envelope["detail"]["metadata"]["event_id"]
    return Injected(orjson.dumps(envelope), (Mark(fault.name, fault.expected, fault.error_type, event_id),))


def _duplicate(
    victims: Victims, _rng: Chance, current: OpenObject, now: int, fault: Fault
) -> Injected | None:
    match fault.name:
        case "duplicate_in_object":
            victim = victims.in_object(current, now)
        case "duplicate_across_objects":
            victim = victims.today(now)
        case _:
            victim = victims.before(now)
    return _injected(fault, victims.again(victim, now)) if victim else None


def _conflict(victims: Victims, rng: Chance, current: OpenObject, now: int, fault: Fault) -> Injected | None:
    """The same event with another payload. It arrives later, so it loses."""
    victim = victims.any(current, now)
    if victim is None:
        return None
    envelope = victims.again(victim, now)
    envelope["detail"]["metadata"]["correlation_id"] = f"retry-{rng.token()}"
    return _injected(fault, envelope)


def _conflict_across_types(
    victims: Victims, _rng: Chance, current: OpenObject, now: int, fault: Fault
) -> Injected | None:
    """The id of one event on an event of another type. It arrives later, so it loses."""
    victim, envelope = victims.any(current, now), victims.fresh("page_viewed", now)
    if victim is None or envelope is None:
        return None
    taken = orjson.loads(victim.line)
    if taken["detail-type"] == "page_viewed":
        return None
    envelope["detail"]["metadata"]["event_id"] = taken["detail"]["metadata"]["event_id"]
    return _injected(fault, envelope)


def _aged(victims: Victims, now: int, fault: Fault, age: int) -> Injected | None:
    envelope = victims.fresh("page_viewed", now, age=age)
    return _injected(fault, envelope) if envelope else None


def _late(victims: Victims, rng: Chance, _current: OpenObject, now: int, fault: Fault) -> Injected | None:
    return _aged(victims, now, fault, rng.between(10 * MINUTE, 2 * DAY))


def _clock_ahead(
    victims: Victims, rng: Chance, _current: OpenObject, now: int, fault: Fault
) -> Injected | None:
    return _aged(victims, now, fault, -rng.between(2 * _YEAR, 9 * _YEAR))


def _clock_behind(
    victims: Victims, rng: Chance, _current: OpenObject, now: int, fault: Fault
) -> Injected | None:
    return _aged(victims, now, fault, rng.between(2 * _YEAR, 9 * _YEAR))


def _joined(victims: Victims, _rng: Chance, _current: OpenObject, now: int, fault: Fault) -> Injected | None:
    first, second = victims.fresh("page_viewed", now), victims.fresh("page_viewed", now)
    if first is None or second is None:
        return None
    one, two = _injected(fault, first), _injected(fault, second)
    return Injected(one.line + two.line, (*one.marks, *two.marks))


def _damaged(
    event_type: str, victims: Victims, _rng: Chance, _current: OpenObject, now: int, fault: Fault
) -> Injected | None:
    envelope = victims.fresh(event_type, now)
    if envelope is None:
        return None
    event_id = None if fault.name in PAGE_IDS_LOST else envelope["detail"]["metadata"]["event_id"]
    line = {**PAGE, **CART}[fault.name](envelope)
    return Injected(line, (Mark(fault.name, fault.expected, fault.error_type, event_id),))


_MAKERS: Final[Mapping[str, _Maker]] = {
    "duplicate_in_object": _duplicate,
    "duplicate_across_objects": _duplicate,
    "duplicate_across_days": _duplicate,
    "conflict": _conflict,
    "conflict_across_types": _conflict_across_types,
    "late": _late,
    "clock_ahead": _clock_ahead,
    "clock_behind": _clock_behind,
    "joined_records": _joined,
    **dict.fromkeys(PAGE, partial(_damaged, "page_viewed")),
    **dict.fromkeys(CART, partial(_damaged, "cart_item_added")),
}
