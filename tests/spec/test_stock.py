"""`stock.md`, run in several orders, by key, and for every choice of what is known first."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from tests.spec.stocked import Event, by_day, by_id, in_world, key, outcome, revised
from tests.text_tables import titled

DAYS = "As days: "
TABLES = titled(Path(__file__).with_name("stock.md").read_text())
LEDGERS = [title for title in TABLES if not title.startswith(DAYS)]
START = dt.datetime(2026, 10, 31)  # noqa: DTZ001 times in tables carry no zone


def time(text: str) -> dt.datetime:
    """`3 08:30` is half past eight on the third day."""
    day, clock = text.split()
    hours, minutes = map(int, clock.split(":"))
    return START + dt.timedelta(days=int(day), hours=hours, minutes=minutes)


def event(row: dict[str, str], place: int) -> Event:
    optional = {n: row.get(n) or None for n in ("bin", "lot", "status")}
    named = {n: row[n] for n in ("sku", "location", "count") if row.get(n)}
    name = row.get("id", f"{place:02}")
    return Event(name, time(row["time"]), row["what"], int(row["units"]), **optional, **named)  # type: ignore[arg-type]


class Case(NamedTuple):
    """A table: its events, those known at first, those that are true in the end, and what the ledger is to say."""

    events: list[Event]
    first: list[Event]
    true: list[Event]
    then: list[dict[str, str]]
    now: list[dict[str, str]]


def case(title: str) -> Case:
    rows = TABLES[title]
    events = [event(row, place) for place, row in enumerate(rows)]
    late, withdrawn = ([row.get("known") == word for row in rows] for word in ("late", "withdrawn"))
    then = [
        {"change": row.get("change then", row["change"]), "balance": row.get("balance then", row["balance"])}
        for row in rows
    ]
    return Case(
        events,
        [e for e, no in zip(events, late, strict=True) if not no],
        [e for e, no in zip(events, withdrawn, strict=True) if not no],
        [row for row, no in zip(then, late, strict=True) if not no],
        [row for row, no in zip(rows, withdrawn, strict=True) if not no],
    )


def says(row: dict[str, Any], wanted: dict[str, str]) -> dict[str, str]:
    """What the ledger's row says, in the words and columns of `wanted`."""
    said = {
        "effect": row["effect"],
        "change": str(row["quantity_change"]),
        "balance": str(row["balance_quantity"]),
        "negative": "yes" if row["is_negative"] else "",
    }
    return {name: said[name] for name in said if name in wanted}


def check(rows: dict[str, dict[str, Any]], events: list[Event], wanted: list[dict[str, str]]) -> None:
    for each, want in zip(events, wanted, strict=True):
        said = says(rows[each.id], want)
        assert said == {name: want[name] for name in said}, each


@pytest.mark.parametrize("title", LEDGERS)
def test_whole_shuffled_and_by_key(title: str) -> None:
    told = case(title)
    for _ in range(3):
        check(by_id(outcome(random.sample(told.true, len(told.true)))), told.true, told.now)
    keys = sorted({key(e) for e in told.true})
    parts = [outcome([e for e in told.true if key(e) == one]) for one in keys]
    check(by_id(pa.concat_tables(parts)), told.true, told.now)


@pytest.mark.parametrize("title", LEDGERS)
def test_before_and_after_what_came_late_or_was_withdrawn(title: str) -> None:
    told = case(title)
    old = outcome(told.first)
    check(by_id(old), told.first, told.then)
    came = [e for e in told.true if e not in told.first]
    went = {e.id for e in told.first} - {e.id for e in told.true}
    check(by_id(revised(old, came, went)), told.true, told.now)


@pytest.mark.parametrize("title", LEDGERS)
def test_whatever_is_known_first(title: str) -> None:
    told = case(title)
    first: list[Event] = []
    came: list[Event] = []
    went: set[str] = set()
    worlds = list(itertools.product([True, False], repeat=len(told.events)))
    for number, known in enumerate(worlds):
        before = {e for e, yes in zip(told.events, known, strict=True) if yes}
        first += in_world(before, f"{number}/")
        came += in_world([e for e in told.true if e not in before], f"{number}/")
        went |= {f"{number}/{e.id}" for e in before if e not in told.true}
    ledger = revised(outcome(first), came, went)
    assert len(ledger) == len(worlds) * len(told.true)
    rows = by_id(ledger)
    for number in range(len(worlds)):
        check(rows, in_world(told.true, f"{number}/"), told.now)


def day(row: dict[str, Any]) -> dict[str, str]:
    """A row of stock_balances in the words of the tables."""
    names = ("opening", "received", "adjusted", "correction", "closing", "lowest")
    return {
        "day": str((row["balance_date"] - START.date()).days),
        **{name: str(row[f"{name}_quantity"]) for name in names},
        "negative": "yes" if row["is_negative"] else "",
        "movements": str(row["movement_count"]),
        "counts": str(row["settled_count"]),
    }


@pytest.mark.parametrize("title", sorted(set(TABLES) - set(LEDGERS)))
def test_days(title: str) -> None:
    ledger = outcome(case(title.removeprefix(DAYS)).true)
    shuffled = ledger.take(random.sample(range(len(ledger)), len(ledger)))
    assert [day(row) for row in by_day(shuffled)] == TABLES[title]
