"""Clear personal values are in one restricted table, for exactly the rows that are curated; everywhere else are pseudonyms."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, lake_command
from holdings import assert_conserved
from shop_raw import DAY, HOUR, MONDAY, again, put, sent

from lakehouse.lake import Lake
from lakehouse.pseudonym_keys import FILE
from lakehouse.sql import connect, query, release_of
from pipeline.curate import curate
from pipeline.parity import Way, parity

STREET = "shipping_address.line_1"


@pytest.fixture(autouse=True)
def own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lakes here have keys of their own, as those of users have."""
    monkeypatch.delenv(FILE)


def rows(lake: Lake, sql: str) -> list[dict[str, Any]]:
    with connect(lake, release_of(lake)) as connection:
        return query(connection, sql).to_pylist()


def order(event_id: str, street: str, at: dt.datetime = MONDAY, **changed: Any) -> dict[str, Any]:
    address = {"country_code": "DE", "line_1": street, "city": "Bonn"}
    return sent("order_placed", event_id, at=at, shipping_address=address, billing_address=None, **changed)


def streets(lake: Lake) -> dict[str, list[str]]:
    """Clear streets by event, of the restricted table; each must be what its curated row's pseudonym stands for."""
    kept = rows(lake, f"select * from platform.personal_values where field = '{STREET}'")
    held = {(r["event_id"], r["street"]) for r in rows(lake, "select event_id, shipping_address.line_1 as street from curated.order_placed")}  # fmt: skip
    assert {(row["event_id"], row["pseudonym"]) for row in kept} == held
    found: dict[str, list[str]] = {}
    for row in kept:
        found.setdefault(row["event_id"], []).append(row["value"])
    return {event_id: sorted(values) for event_id, values in found.items()}


def test_the_restricted_table_holds_what_curated_rows_do_not(lake: Lake) -> None:
    put(lake, "a", order("o-1", "Way 1"), order("o-2", "Way 1"), order("o-3", "Way 3", subtotal_amount="x"))
    curate(lake)
    assert streets(lake) == {"o-1": ["Way 1"], "o-2": ["Way 1"]}
    (same,) = rows(lake, "select count(distinct shipping_address.line_1) as n, min(shipping_address.city) as city from curated.order_placed")  # fmt: skip
    assert (same["n"], same["city"]) == (1, "Bonn")
    assert_conserved(lake)


def test_copies_leave_one_value_and_those_set_aside_none(lake: Lake) -> None:
    first = order("o-1", "Way 1")
    put(lake, "a", first, again(first, MONDAY + HOUR))
    curate(lake)
    put(lake, "b", again(first, MONDAY + DAY), order("o-1", "Lost way", at=MONDAY + HOUR))
    curate(lake)
    assert streets(lake) == {"o-1": ["Way 1"]}


def test_a_row_that_loses_its_place_takes_its_values_along(lake: Lake) -> None:
    put(lake, "a", order("o-1", "Late way", at=MONDAY + 2 * HOUR), order("o-2", "Way 2"))
    curate(lake)
    put(lake, "b", order("o-1", "Early way", at=MONDAY))
    curate(lake)
    assert streets(lake) == {"o-1": ["Early way"], "o-2": ["Way 2"]}
    assert_conserved(lake)


def test_joins_go_on_across_a_rotation_by_the_pairs_of_the_time_between(lake: Lake) -> None:
    put(lake, "a", order("o-1", "Way 1"), order("o-2", "Way 2"))
    curate(lake)
    done = lake_command("pseudonyms", "rotate", "--overlap-days", "30", "--lake", lake.root)
    assert done.returncode == DONE, done.stderr
    put(lake, "b", order("o-3", "Way 1", at=MONDAY + DAY))
    curate(Lake.open(lake.root))
    joined = rows(
        lake,
        """
        select a.event_id as before, b.event_id as after from curated.order_placed a
        join platform.pseudonyms p on p.pseudonym_before = a.shipping_address.line_1
        join curated.order_placed b on b.shipping_address.line_1 = p.pseudonym""",
    )
    assert joined == [{"before": "o-1", "after": "o-3"}]
    assert streets(lake) == {"o-1": ["Way 1"], "o-2": ["Way 2"], "o-3": ["Way 1"]}
    listed = lake_command("pseudonyms", "list", "--lake", lake.root, "--json").stdout
    assert '"k1"' in listed
    assert '"k2"' in listed


def test_lakes_make_pseudonyms_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = []
    for _ in range(2):
        lake = Lake.create(tmp_path_factory.mktemp("lake") / "lake")
        put(lake, "a", order("o-1", "Way 1"))
        curate(lake)
        found += [
            row["street"]
            for row in rows(lake, "select shipping_address.line_1 as street from curated.order_placed")
        ]
    assert len(set(found)) == len(found)


def test_lakes_that_are_compared_make_the_same_pseudonyms(lake: Lake, tmp_path: Path) -> None:
    put(lake, "a", order("o-1", "Way 1"))
    ways = [Way("duckdb"), Way("duckdb"), Way("duckdb", increments=2)]
    for done in range(2):  # of a lake that has no key yet, and of one that has
        found = parity(lake, ways, tmp_path / f"{done}")
        assert [each.table for each in found if len(set(each.hashes.values())) > 1] == []
        curate(lake)
