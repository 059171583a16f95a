"""A causal shop that produces raw objects as Firehose would land them: pure, from a seed alone.

Visits become carts, orders, payments, shipments and returns; receipts and shipments take stock; prices and promotions
are those published before. Money is integer cents throughout, and for every order, at every time,
sold - cancelled - returned = captured - refunded + owed, with owed never below nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from contracts.declarations import Declarations
from contracts.errors import UsageError
from contracts.layout import DEFAULT_BUS
from simulator._catalogue import Catalogue
from simulator._chance import Chance
from simulator._demand import run
from simulator._fault_table import FAULTS, Fault
from simulator._faults import Injector
from simulator._objects import ManifestEntry, SimulatedObject, cut
from simulator._outbox import Arrival, Outbox, Window
from simulator._people import People
from simulator._routine import first_rates, open_shop
from simulator._shop import Shop
from simulator._timeline import DAY, Timeline, date_text, microseconds

__all__ = ["FAULTS", "Fault", "ManifestEntry", "SimulatedObject", "simulate"]

_UNHURRIED_DAYS = 14
_ON_SALE_SINCE = 120 * DAY


def simulate(
    declarations: Declarations,
    *,
    events: int,
    days: int,
    seed: int,
    start: dt.date,
    faults: bool = False,
    records_per_object: int = 20_000,
    bus: str = DEFAULT_BUS,
) -> Iterator[SimulatedObject]:
    """Simulate a retailer's bus.

    Args:
        declarations: the contracts.
        events: how many events arrive, exactly; faults come on top and leave them as they are.
        days: length of the window; windows under 14 days are told faster, so that parcels arrive and return in them.
        seed: the same seed and arguments give the same bytes.
        start: first day, from midnight UTC.
        faults: mix in the faults of `FAULTS`, each named in a manifest.
        records_per_object: most records of one object; an object never spans two arrival hours.
        bus: name of the bus, in the objects' paths.

    Returns:
        Raw objects in the order of their arrival.

    Raises:
        UsageError: when a number is below 1.
    """
    for name, value in {"events": events, "days": days, "records_per_object": records_per_object}.items():
        if value < 1:
            raise UsageError(f"{name} is {value}; give a number of at least 1.")
    window = Window(microseconds(start), microseconds(start) + days * DAY)
    arrivals = _arrivals(declarations, events, seed, window)
    injector = Injector(seed) if faults else None
    return cut(arrivals, bus=bus, records_per_object=records_per_object, seed=seed, injector=injector)


def _arrivals(declarations: Declarations, events: int, seed: int, window: Window) -> Iterator[Arrival]:
    rng = Chance(f"shop {seed}")
    articles = min(max(events // 150, 24), 3_000)
    stores = min(max(events // 20_000, 4), 40)
    launched = date_text(window.start - _ON_SALE_SINCE)
    run_key = f"{rng.getrandbits(16):04x}"
    shop = Shop(
        run=run_key,
        rng=rng,
        window=window,
        pace=min(1.0, (window.end - window.start) / DAY / _UNHURRIED_DAYS),
        timeline=Timeline(window.start),
        outbox=Outbox(declarations, rng, window, events),
        catalogue=Catalogue(rng, articles, stores, launched),
        people=People(rng, run_key),
    )
    rates = first_rates()
    open_shop(shop, rates, customers=min(max(events // 150, 8), 30_000), units=events // 12)
    return run(shop, rates)
