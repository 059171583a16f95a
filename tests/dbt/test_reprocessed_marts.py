"""A rule changes, three days are judged anew: the marts follow, an undo brings all of it back."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from holdings import ask, assert_conserved, derived, holdings, marts, newest
from ruled import other_contracts, ruled_by, with_rule

from lakehouse.lake import Lake
from pipeline.build import build
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.reprocess import ReprocessResult, reprocess
from pipeline.undo import undo
from pipeline.window import Window
from simulator import simulate

pytestmark = pytest.mark.dbt

START = dt.date(2026, 9, 1)
WINDOW = Window(dt.datetime(2026, 9, 2), dt.datetime(2026, 9, 5))  # noqa: DTZ001 as in tables
ALLOWED = ["EUR", "SEK"]
LATE = START - dt.timedelta(days=300)


def late_order(objects: list[Any]) -> tuple[str, bytes]:
    """An order that nobody knew, and that fails the rule to come: it happened 300 days before it arrived, in the window."""
    for each in objects:
        for line in gzip.decompress(each.data).splitlines():
            if b'"order_placed"' in line and b'"GBP"' in line and "ingest_date=2026-09-03" in each.raw_object:
                order = json.loads(line)
                order["detail"]["metadata"] |= {"event_id": "late", "occurred_at": f"{LATE}T12:00:00.000000Z"}
                order["detail"]["order_id"] = "late"
                folder = each.raw_object.rsplit("/", 1)[0]
                return f"{folder}/late.json.gz", gzip.compress(json.dumps(order).encode())
    raise AssertionError("the simulation has no such order")


def failing(lake: Lake) -> Counter[tuple[str, str]]:
    """What the rule is to reject, by table and day; from raw alone."""
    found: Counter[tuple[str, str]] = Counter()
    for row in ask(
        lake,
        f"select cast(occurred_at as date) as day, raw_object from curated.order_placed where currency_code not in {tuple(ALLOWED)}",
    ):
        if WINDOW.holds(row["raw_object"]):
            found["curated.order_placed", str(row["day"])] += 1
            found["platform.quarantine", row["raw_object"].split("ingest_date=")[1][:10]] += 1
    return found


def told(result: ReprocessResult) -> Counter[tuple[str, str]]:
    """What a reprocess said that it took out of orders and put into quarantine."""
    counts: Counter[tuple[str, str]] = Counter()
    for table in result.differences:
        for day in table.days:
            assert (day.changed, day.columns) == (0, {})
            if table.table == "curated.order_placed":
                assert day.added == 0
                counts[table.table, day.day] = day.removed
            elif table.table == "platform.quarantine":
                assert day.removed == 0
                counts[table.table, day.day] = day.added
            else:
                assert (table.table in {"platform.event_ids", "platform.personal_values"}, day.added) == (
                    True,
                    0,
                )
    return counts


def everything(lake: Lake) -> tuple[object, ...]:
    assert_conserved(lake)
    return holdings(lake), derived(lake), marts(lake)


def test_a_changed_rule_shows_as_it_should_and_the_marts_follow(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    objects = list(simulate(lake.declarations, events=3_000, days=6, seed=5, start=START))
    for each in objects:
        lake.store.write(each.raw_object, each.data)
    curate(lake)
    derive(lake)
    build(lake)
    lake.store.write(*late_order(objects))
    curate(lake)
    derive(lake)
    build(lake)
    before = everything(lake)
    assert any(str(LATE) in row for row in marts(lake)["marts.fct_orders"])

    rules = other_contracts(tmp_path / "contracts")
    with_rule(rules, "order_placed", "currency_code", enum=ALLOWED)
    lake = ruled_by(lake, rules)
    expected = failing(lake)
    result = reprocess(lake, WINDOW)
    assert told(result) == expected
    assert {str(LATE), "2026-09-03"} <= {day for _, day in expected}

    derive(lake)
    built = build(lake)
    assert any(days is not None for days in built.marts.values())
    after = everything(lake)
    assert not any(str(LATE) in row for row in marts(lake)["marts.fct_orders"])
    build(lake, full=True)
    assert everything(lake) == after != before

    (number,) = result.releases
    undo(lake, lake.releases.get(number).run_id)
    assert everything(lake) == before
    assert newest(lake).verb == "undo"
