"""The stock ledger against its rules in plain words, and against itself: what comes late must make no difference."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.stocked import (
    CONNECTION,
    DECLARED,
    REASONS,
    Event,
    by_day,
    by_id,
    in_world,
    key,
    movements,
    outcome,
    revised,
)
from transforms import stock_ledger as stock

FIRST = dt.date(2026, 11, 6)


def order(each: Event) -> tuple[Any, ...]:
    """Where an event stands among those of its key."""
    is_booking = each.what in REASONS
    return each.time, is_booking, each.count if each.what == "figure" else "", each.id


def counts_of(events: list[Event]) -> Iterator[list[Event]]:
    """The figures of each count of one key, in their order."""
    counts: dict[str, list[list[Event]]] = defaultdict(list)
    for each in sorted(events, key=order):
        if each.what == "figure" and each.status in {None, "available"}:
            known = counts[each.count or ""]
            if not known or (each.time.date() - known[-1][0].time.date()).days > stock.COUNT_DAYS:
                known.append([])
            known[-1].append(each)
    return itertools.chain.from_iterable(counts.values())


def by_hand(events: list[Event]) -> dict[str, tuple[Any, ...]]:
    """The rules in plain words, for the events of one key: effect, change, balance, whether counted, the count's first day."""
    told, settles, rows, balance, is_counted = {}, {}, {}, 0, False
    for figures in counts_of(events):
        bins = {(f.bin, f.lot): f for f in figures}
        settles[figures[-1].id] = sum(f.units for f in bins.values())
        for figure in figures:
            word = "added_to_count" if bins[figure.bin, figure.lot] is figure else "recounted"
            told[figure.id] = (word, figures[0].time.date())
    for each in sorted(events, key=order):
        before, (effect, begun) = balance, told.get(each.id, ("moved", None))
        if each.what != "receipt" and each.status not in {None, "available"}:
            effect = "other_status"
        elif each.id in settles:
            effect, balance, is_counted = "settled", settles[each.id], True
        elif effect == "moved" and each.what in REASONS and is_counted:
            effect = "already_counted"
        elif effect == "moved":
            balance += each.units
        rows[each.id] = (effect, balance - before, balance, is_counted, begun)
    return rows


TOLD = ("effect", "quantity_change", "balance_quantity", "is_counted", "count_started_date")
WHAT = ["receipt", "sale", "sale", "booking", "correction (count)", "figure", "figure", "figure"]
EVENT = st.builds(
    Event,
    id=st.just(""),
    time=st.builds(dt.datetime, st.just(2026), st.just(11), st.integers(1, 12), st.sampled_from([0, 9, 23])),
    what=st.sampled_from(WHAT),
    units=st.integers(0, 9),
    count=st.sampled_from(["C1", "C1", "C2"]),
    bin=st.sampled_from([None, "A", "B"]),
    lot=st.sampled_from([None, None, "X"]),
    status=st.sampled_from([None, None, None, "available", "damaged"]),
    sku=st.just("S1"),
    location=st.sampled_from(["L1", "L1", "L2"]),
)


@st.composite
def worlds(draw: st.DrawFn, most_events: int = 12) -> list[Event]:
    """Histories that have nothing to do with each other, told at once; ids are in no order, and sales take away."""
    events: list[Event] = []
    for number, history in enumerate(draw(st.lists(st.lists(EVENT, max_size=most_events), max_size=12))):
        names = draw(st.permutations([f"{n:02}" for n in range(len(history))]))
        named = [e._replace(id=name) for e, name in zip(history, names, strict=True)]
        events += in_world(named, f"{number}/")
    return [e._replace(units=-e.units) if e.what == "sale" else e for e in events]


def by_key(events: list[Event]) -> Iterator[list[Event]]:
    """The events of each key, in the ledger's order."""
    for _, group in itertools.groupby(sorted(events, key=lambda e: (key(e), order(e))), key):
        yield list(group)


def expected(events: list[Event]) -> dict[str, tuple[Any, ...]]:
    return {name: row for own in by_key(events) for name, row in by_hand(own).items()}


def told_by(ledger: pa.Table) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(row[column] for column in TOLD) for name, row in by_id(ledger).items()}


@settings(max_examples=25)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_ledger_is_the_rules_in_plain_words_in_any_order(events: list[Event], rng: random.Random) -> None:
    assert told_by(outcome(rng.sample(events, len(events)))) == expected(events)


@settings(max_examples=25)
@given(worlds(), worlds(3), st.data())
def test_what_comes_and_goes_gives_the_ledger_of_what_is_there(
    before: list[Event], others: list[Event], data: st.DataObject
) -> None:
    went = data.draw(st.sets(st.sampled_from([e.id for e in before]), max_size=9)) if before else set()
    stays = {e.id: e for e in before if e.id not in went}
    came = [e for e in others if e.id not in stays]  # those that went as well are altered
    new = revised(outcome(before), came, went)
    assert by_id(new) == by_id(outcome([*stays.values(), *came]))
    assert told_by(new) == expected([*stays.values(), *came])


@settings(max_examples=15)
@given(worlds())
def test_rows_before_the_first_day_change_nothing_and_are_not_given_back(events: list[Event]) -> None:
    ledger = outcome(events)
    keys = [{"sku": sku, "location_id": at, "from_date": FIRST} for sku, at in {key(e) for e in events}]
    starts = pa.Table.from_pylist(keys, schema=stock.OPENING).select(["sku", "location_id", "from_date"])
    again = stock.ledger(CONNECTION, ledger, stock.openings(CONNECTION, starts, ledger))
    assert by_id(again) == {n: r for n, r in by_id(ledger).items() if r["moved_date"] >= FIRST}


@settings(max_examples=15)
@given(worlds())
def test_days_follow_from_their_own_rows(events: list[Event]) -> None:
    ledger = outcome(events)
    dates = pc.unique(ledger["moved_date"])
    parts = [by_day(ledger.filter(pc.equal(ledger["moved_date"], date))) for date in dates]
    assert sorted(itertools.chain(*parts), key=str) == sorted(by_day(ledger), key=str)


@settings(max_examples=15)
@given(worlds())
def test_days_add_up_from_one_closing_to_the_next(events: list[Event]) -> None:
    closing: dict[tuple[str, str], int] = {}
    for row in by_day(outcome(events)):
        one = (row["sku"], row["location_id"])
        moved = row["received_quantity"] + row["adjusted_quantity"] + row["correction_quantity"]
        assert row["opening_quantity"] == closing.get(one, 0)
        assert row["closing_quantity"] == row["opening_quantity"] + moved
        assert row["lowest_quantity"] <= min(row["opening_quantity"], row["closing_quantity"])
        closing[one] = row["closing_quantity"]
    last = {key(own[-1]): by_hand(own)[own[-1].id][2] for own in by_key(events)}
    assert last == {one: closing.get(one, 0) for one in last}


@settings(max_examples=15)
@given(worlds())
def test_a_day_says_whether_a_count_ever_set_the_balance(events: list[Event]) -> None:
    told = expected(events)
    settled = [(key(e), e.time.date()) for e in events if told[e.id][0] == "settled"]
    for row in by_day(outcome(events)):
        one = (row["sku"], row["location_id"])
        counted = any(other == one and date <= row["balance_date"] for other, date in settled)
        assert row["is_counted"] == counted


def position(events: list[Event]) -> int:
    """Units of one key by the rule of mart_inventory_position: the newest count and what moved after it."""
    good = [e for e in events if e.what == "receipt" or e.status in {None, "available"}]
    figures = sorted((e for e in good if e.what == "figure"), key=lambda e: (e.time, e.id))
    moved = [e for e in good if e.what != "figure"]
    if not figures:
        return sum(e.units for e in moved)
    ended = {e.count or "": e.time for e in figures}
    newest = max(ended, key=lambda count: (ended[count], count))
    counted = {(e.bin, e.lot): e.units for e in figures if e.count == newest}
    since = [e.units for e in moved if e.time > ended[newest] and e.what not in REASONS]
    return sum(counted.values()) + sum(since)


@settings(max_examples=25)
@given(worlds())
def test_the_last_balance_is_the_position_of_the_marts(events: list[Event]) -> None:
    brief = [e for e in events if e.time.day <= 1 + stock.COUNT_DAYS]  # the marts let a count last for ever
    rows = by_id(outcome(brief))
    for own in by_key(brief):
        assert rows[own[-1].id]["balance_quantity"] == position(own)


def test_the_columns_of_a_movement_are_the_first_of_the_ledger() -> None:
    assert list(DECLARED["stock_ledger"])[: len(stock.MOVEMENT)] == list(stock.MOVEMENT)
    assert movements([]).schema == stock.MOVEMENT


def test_only_figures_reach_back_before_their_day() -> None:
    at = dt.datetime(2026, 11, 9, 8)  # noqa: DTZ001 times in tables carry no zone
    events = [Event("a", at, "sale", -1), Event("b", at, "figure", 1, sku="S2")]
    starts = stock.first_affected(CONNECTION, movements(events)).to_pylist()
    assert {row["sku"]: row["from_date"].day for row in starts} == {"S1": 9, "S2": 6}
