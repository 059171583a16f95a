from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from holdings import REJECTED, accounts, assert_conserved, holdings
from records import DECLARATIONS
from shop_raw import DAY, MONDAY, RawObject, Turmoil, put, sent

from contracts.layout import QUARANTINE
from lakehouse.lake import Lake
from pipeline.curate import curate

Holdings = dict[str, list[str]]
Accounts = dict[str, dict[str, int]]
Straight = Callable[[int], tuple[Holdings, Accounts]]


def curated_in_runs(root: Path, runs: list[list[RawObject]]) -> Lake:
    lake = Lake.create(root)
    for objects in runs:
        for each in objects:
            each.put(lake)
        curate(lake)
        assert_conserved(lake)
    return lake


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """What a lake holds that curated all of a raw in one run."""

    @cache
    def curated(raw: int) -> tuple[Holdings, Accounts]:
        lake = curated_in_runs(tmp_path_factory.mktemp("straight"), [Turmoil(raw).objects])
        return holdings(lake), accounts(lake)

    return curated


def shuffled_and_cut(objects: list[RawObject], seed: int) -> list[list[RawObject]]:
    rng = random.Random(seed)
    order = rng.sample(objects, len(objects))
    cuts = sorted(rng.sample(range(1, len(order)), rng.randint(1, 4)))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def test_holdings_leave_out_provenance_and_transport_and_nothing_else(lake: Lake) -> None:
    put(lake, "one", sent("page_viewed", "e-1"), b"no JSON")
    curate(lake)
    held = {table: set(json.loads(rows[0])) for table, rows in holdings(lake).items()}
    columns = {f.name for f in DECLARATIONS.curated["page_viewed"]}
    provenance = {"raw_object", "raw_record", "run_id", "curated_at"}
    transport = {"sent_at", "received_at", "traceparent", "replay"}
    assert held == {"curated.page_viewed": columns - provenance - transport, QUARANTINE: set(REJECTED)}


def assert_the_order_does_not_matter(tmp_path: Path, seed: int, straight: Straight) -> None:
    raw = seed // 3
    shuffled = curated_in_runs(tmp_path, shuffled_and_cut(Turmoil(raw).objects, seed))
    assert (holdings(shuffled), accounts(shuffled)) == straight(raw)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_and_the_cut_of_runs_do_not_matter(tmp_path: Path, seed: int, straight: Straight) -> None:
    assert_the_order_does_not_matter(tmp_path, seed, straight)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6, 206))
def test_no_order_and_no_cut_of_runs_matters(tmp_path: Path, seed: int, straight: Straight) -> None:
    assert_the_order_does_not_matter(tmp_path, seed, straight)


ONE = sent("page_viewed", "e-1", at=MONDAY)
OF_ONE_MOMENT = [
    RawObject("a", MONDAY, [{**ONE, "source": "shop"}]),
    RawObject("b", MONDAY, [{**ONE, "source": "till"}]),
]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_copies_that_arrived_at_one_moment_the_same_stands_in_every_order(
    tmp_path: Path, order: list[int]
) -> None:
    lake = curated_in_runs(tmp_path, [[OF_ONE_MOMENT[i]] for i in order])
    (row,) = holdings(lake)["curated.page_viewed"]
    assert json.loads(row)["source"] == "shop"


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_versions_of_an_event_meet_across_the_horizon_that_the_profile_gives(
    tmp_path: Path, order: list[int]
) -> None:
    days = [MONDAY, MONDAY + 9 * DAY]
    objects = [RawObject(f"o{i}", day, [sent("page_viewed", "e-1", at=day)]) for i, day in enumerate(days)]
    Lake.create(tmp_path)
    (tmp_path / "lake.toml").write_text("horizon_days = 9", encoding="utf-8")
    lake = curated_in_runs(tmp_path, [[objects[i]] for i in order])
    (row,) = holdings(lake)["curated.page_viewed"]
    assert json.loads(row)["occurred_at"] == "2026-11-02 00:00:00"
