from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict

import orjson
import pytest
from simulated import DECLARATIONS, SHOPS, START, good_lines, hour_of, objects

from contracts.errors import UsageError
from contracts.validation import Reading, Validator
from simulator import SimulatedObject, simulate
from transforms.unpack import unpack


@pytest.mark.parametrize("faults", [False, True])
def test_the_same_seed_gives_the_same_bytes(*, faults: bool) -> None:
    def run(seed: int) -> list[SimulatedObject]:
        return list(simulate(DECLARATIONS, events=3_000, days=2, seed=seed, start=START, faults=faults))

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize(("events", "days"), [(1, 1), (50, 3), (700, 1), (3_000, 40)])
def test_exactly_the_wanted_events_arrive_within_the_window(events: int, days: int) -> None:
    simulated = list(simulate(DECLARATIONS, events=events, days=days, seed=3, start=START))
    last = START + dt.timedelta(days=days - 1)
    assert sum(each.records for each in simulated) == events
    assert all(START <= hour_of(each).date() <= last for each in simulated)


def test_the_events_spread_over_the_whole_window() -> None:
    days = Counter(each.raw_object[13:44] for each in objects() for _ in range(each.records))
    assert len(days) == 7
    assert min(days.values()) > 20_000 / 7 * 0.6


NOT_THE_SHOPS = {
    "identifier_excluded", "customer_identified", "customer_erasure_requested", "return_requested",
    "order_ready_for_pickup", "order_picked_up", "offer_presented", "offer_accepted", "loyalty_points_changed",
    "settlement_posted", "ledger_entry_posted", "purchase_order_placed", "transfer_shipped",
}  # fmt: skip
"""Events of systems beside the shop that is simulated: they come from sources of their own."""


@pytest.mark.parametrize(("seed", "days"), SHOPS)
def test_every_event_type_occurs_in_20_000_events(seed: int, days: int) -> None:
    found = {orjson.loads(line)["detail-type"] for line in good_lines(objects(seed, days))}
    assert found == set(DECLARATIONS.events) - NOT_THE_SHOPS


def test_every_event_fits_its_contract_and_has_no_unknown_field() -> None:
    validator = Validator(DECLARATIONS)
    verdicts = [validator.read(line) for line in good_lines(objects())]
    assert len(verdicts) == 20_000
    assert [v for v in verdicts if not isinstance(v, Reading) or v.extras] == []


def test_objects_hold_one_arrival_hour_and_come_in_order() -> None:
    simulated = list(
        simulate(DECLARATIONS, events=5_000, days=2, seed=5, start=START, records_per_object=100)
    )
    times = []
    for each in simulated:
        records = [orjson.loads(line) for line in unpack(each.data).records]
        assert each.records == len(records) <= 100
        assert {r["time"][:13] for r in records} == {hour_of(each).isoformat()[:13]}
        times += [r["time"] for r in records]
    assert times == sorted(times)
    assert len({each.raw_object for each in simulated}) == len(simulated)


def test_events_arrive_within_five_seconds_but_for_a_few_late_ones() -> None:
    lags = []
    for line in good_lines(objects()):
        record = orjson.loads(line)
        metadata, arrived = record["detail"]["metadata"], dt.datetime.fromisoformat(record["time"])
        assert (
            metadata["occurred_at"]
            <= metadata["sent_at"]
            <= metadata["received_at"]
            <= record["time"][:19] + ".999999Z"
        )
        lags.append(arrived - dt.datetime.fromisoformat(metadata["occurred_at"]))
    late = [lag for lag in lags if lag > dt.timedelta(seconds=5)]
    assert min(lags) >= dt.timedelta(0)
    assert max(late) <= dt.timedelta(days=2)
    assert 0 < len(late) < 0.005 * len(lags)


def test_producers_count_without_gaps_and_ids_are_unique() -> None:
    sequences, ids = defaultdict(list), set()
    for line in good_lines(objects()):
        record = orjson.loads(line)
        metadata = record["detail"]["metadata"]
        sequences[metadata["producer"]].append(metadata["producer_seq"])
        ids |= {metadata["event_id"], record["id"]}
    assert all(numbers == list(range(len(numbers))) for numbers in sequences.values())
    assert len(ids) == 40_000


def test_the_envelope_tells_of_the_event_in_it() -> None:
    for line in good_lines(objects()):
        record = orjson.loads(line)
        metadata, event = record["detail"]["metadata"], DECLARATIONS.event(record["detail-type"])
        assert metadata["event_type"] == event.name
        assert metadata["entity_id"] == record["detail"][event.latest.entity]
        assert record["source"] == f"aurelia.{metadata['producer']}"
        assert metadata["event_id"] != record["id"]
        assert metadata["correlation_id"] not in {"", "None"}


def test_times_before_1970_are_told_as_well() -> None:
    start = dt.date(1969, 12, 30)
    for each in simulate(DECLARATIONS, events=300, days=1, seed=1, start=start):
        for line in unpack(each.data).records:
            occurred = orjson.loads(line)["detail"]["metadata"]["occurred_at"]
            assert dt.datetime.fromisoformat(occurred).date() == start


def test_more_happens_in_the_evening_than_at_night() -> None:
    hours = Counter(hour_of(each).hour for each in objects() for _ in range(each.records))
    assert hours[20] > 5 * hours[3]


@pytest.mark.parametrize("wrong", ["events", "days", "records_per_object"])
def test_a_number_below_one_is_refused(wrong: str) -> None:
    numbers = {"events": 10, "days": 1, "records_per_object": 5, wrong: 0}
    with pytest.raises(UsageError, match=f"{wrong} is 0"):
        simulate(DECLARATIONS, **numbers, seed=1, start=START)  # type: ignore[arg-type]
