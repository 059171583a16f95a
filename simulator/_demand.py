"""How many come when: the rhythm of the day and the week, steered so that the wanted number of events is met."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from simulator._orders import place_marketplace_order
from simulator._outbox import SLOT, Arrival
from simulator._people import any_market
from simulator._registration import register
from simulator._routine import plan_day
from simulator._shop import Shop
from simulator._stores import sell
from simulator._timeline import DAY, HOUR, Step
from simulator._visits import glance, visit

_HOURS: Final = (6, 3, 2, 2, 2, 4, 10, 20, 34, 46, 54, 58, 60, 56, 52, 52, 56, 64, 74, 84, 88, 78, 50, 22)
_WEEKDAYS: Final = (92, 88, 90, 96, 112, 128, 108)
_THURSDAY: Final = 3  # what 1970-01-01 was, counted from Monday
_STORE_HOURS: Final = range(8, 20)
_EVENTS_EACH: Final = 6.0
"""What one arrival leads to at once, about; too much or too little is made up for in the next slot."""


class Demand:
    """The share of all events that should have been sent by a time."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        weights = (_weight(slot) for slot in range(start, end - SLOT, SLOT))
        self._shares = list(accumulate(weights))

    def share(self, slot_start: int) -> float:
        """By the end of the slot that starts then, from 0 to 1; all is sent one slot before the window ends."""
        number = min((slot_start - self._start) // SLOT, len(self._shares) - 1)
        return self._shares[number] / self._shares[-1]


def run(shop: Shop, rates: dict[str, int]) -> Iterator[Arrival]:
    """Run the opened shop to the end of its window; arrivals in order."""
    start, end, outbox = shop.window.start, shop.window.end, shop.outbox
    demand, opening, wanted = Demand(start, end), outbox.taken, outbox.left
    for slot in range(start, end, SLOT):
        if (slot - start) % DAY == 0:
            plan_day(shop, rates, slot)
        if slot > start:
            target = opening + wanted * demand.share(slot)
            _invite(shop, slot, (target - outbox.taken) / _EVENTS_EACH)
        shop.timeline.run_until(slot + SLOT)
        if slot + SLOT == end:
            _top_up(shop)
        yield from outbox.release(slot + SLOT)


def _invite(shop: Shop, slot: int, guests: float) -> None:
    is_open = slot % DAY // HOUR in _STORE_HOURS
    for _ in range(max(0, int(guests + shop.rng.random()))):
        shop.timeline.at(slot + shop.rng.below(SLOT), _errand(shop, is_open=is_open), shop)


def _errand(shop: Shop, *, is_open: bool) -> Step:
    """Why somebody comes."""
    if is_open and shop.rng.chance(0.3):
        return sell if shop.rng.chance(0.97) else _join_in_store
    return place_marketplace_order if shop.rng.chance(0.03) else visit


def _join_in_store(shop: Shop) -> None:
    register(
        shop,
        any_market(shop.rng),
        "store",
        at=shop.now,
        store_id=shop.rng.pick(shop.catalogue.stores).store_id,
    )


def _top_up(shop: Shop) -> None:
    """Short visits just before the end, for the few events that are still wanting."""
    shop.timeline.now = shop.window.end - SLOT
    while shop.outbox.left:
        glance(shop)


def _weight(slot: int) -> float:
    hour, weekday = slot % DAY // HOUR, (slot // DAY + _THURSDAY) % 7
    here, following = _HOURS[hour], _HOURS[(hour + 1) % 24]
    return _WEEKDAYS[weekday] * (here + (following - here) * (slot % HOUR) / HOUR)
