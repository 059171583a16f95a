"""Simulations that several tests look at, each made once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from functools import cache
from typing import Any

import orjson

from contracts.declarations import load_declarations
from contracts.layout import arrival_hour
from simulator import SimulatedObject, simulate
from transforms.unpack import unpack

DECLARATIONS = load_declarations()
START = dt.date(2025, 11, 24)


SHOPS = ((7, 7), (11, 1), (4, 30))
"""Seeds and days."""

Events = dict[str, list[dict[str, Any]]]


def objects(seed: int = 7, days: int = 7, *, faults: bool = False) -> list[SimulatedObject]:
    """A run of 20,000 events."""
    return _objects(seed, days, faults=faults)


@cache
def _objects(seed: int, days: int, *, faults: bool) -> list[SimulatedObject]:
    return list(simulate(DECLARATIONS, events=20_000, days=days, seed=seed, start=START, faults=faults))


def hour_of(simulated: SimulatedObject) -> dt.datetime:
    """The arrival hour in the object's path."""
    hour = arrival_hour(simulated.raw_object)
    assert hour is not None
    return hour


def good_lines(simulated: list[SimulatedObject]) -> list[bytes]:
    """Records that were not injected, in order of arrival."""
    lines = []
    for each in simulated:
        injected = {entry.raw_record for entry in each.manifest}
        lines += [line for n, line in enumerate(unpack(each.data).records) if n not in injected]
    return lines


@cache
def events_by_type(seed: int, days: int) -> Events:
    """Data and metadata of each event, in the order in which they happened."""
    found = defaultdict(list)
    for line in good_lines(objects(seed, days)):
        record = orjson.loads(line)
        detail = record["detail"]
        metadata = detail.pop("metadata")
        found[record["detail-type"]].append({**metadata, **detail, "time": record["time"]})
    return {name: sorted(events, key=lambda e: e["occurred_at"]) for name, events in found.items()}
