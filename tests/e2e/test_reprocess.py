"""A window judged anew: the lake is as if the rules of today had always held, and nothing else has changed."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from pathlib import Path

import pytest
from holdings import (
    accounts,
    assert_conserved,
    branches,
    derived,
    holdings,
    named_parquet_files,
    newest,
    parquet_files,
)
from ruled import other_contracts, ruled_by, with_envelope_rule, with_rule
from shop_raw import DAY, HOUR, MONDAY, Turmoil, put, sent

from contracts.declarations import BUILT_IN
from contracts.errors import UsageError
from contracts.layout import EVENT_IDS
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.reprocess import reprocess
from pipeline.restate import TableDifference
from pipeline.undo import undo
from pipeline.window import Window

START = MONDAY.replace(tzinfo=None)
CLEAR_VALUES = 10
"""How many personal values an order_placed of the samples has."""
WHOLE = Window(START, START + 3 * DAY)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules by which many records of the turmoil fail: single copies of an event, and single sides of a conflict."""
    contracts = other_contracts(tmp_path_factory.mktemp("rules") / "contracts")
    with_envelope_rule(contracts, "correlation_id", enum=["attempt-1", "attempt-3", None])
    with_envelope_rule(
        contracts, "traceparent", minLength=20
    )  # which every tenth moment of the turmoil is not
    field = {"type": ["integer", "null"], "description": "Known by now."}
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", **field)
    with_rule(contracts, "order_placed", "a_field_of_tomorrow", **field)
    return contracts


def state(lake: Lake) -> tuple[object, ...]:
    """What there is; a column that was declared once stays in its table, and counts only where it has a value."""
    assert_conserved(lake)
    rows = {
        table: [row.replace(',"a_field_of_tomorrow":null', "") for row in found]
        for table, found in holdings(lake).items()
    }
    return rows, derived(lake), accounts(lake)


def curated_in_parts(root: Path, seed: int, rules: Path = BUILT_IN) -> Lake:
    lake = ruled_by(Lake.create(root), rules)
    objects = Turmoil(seed).objects
    random.Random(seed).shuffle(objects)
    for place, each in enumerate(objects):
        each.put(lake)
        if place % 4 == 3:
            curate(lake)
    curate(lake)
    derive(lake)
    return lake


def always_ruled(root: Path, seed: int, rules: Path) -> Lake:
    """A lake in which the rules held from the beginning."""
    lake = ruled_by(Lake.create(root), rules)
    for each in Turmoil(seed).objects:
        each.put(lake)
    curate(lake)
    derive(lake)
    return lake


def cut(seed: int) -> list[Window]:
    """The three days in a few windows, in any order."""
    rng = random.Random(seed)
    hours = [0, *sorted(rng.sample(range(1, 72), 3)), 72]
    windows = [Window(START + a * HOUR, START + b * HOUR) for a, b in itertools.pairwise(hours)]
    return rng.sample(windows, len(windows))


def test_under_the_same_rules_nothing_differs(tmp_path: Path) -> None:
    lake = curated_in_parts(tmp_path / "lake", 0)
    before, release = state(lake), newest(lake)
    result = reprocess(lake, WHOLE)
    assert (result.differences, result.corrections, result.releases) == ([], [], [])
    assert result.objects == len(Turmoil(0).objects)
    assert (state(lake), newest(lake)) == (before, release)


@pytest.mark.parametrize("stricter", [True, False], ids=["stricter", "looser"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 20))])
def test_in_any_windows_the_lake_becomes_as_if_the_rules_had_always_held(
    tmp_path: Path, seed: int, rules: Path, *, stricter: bool
) -> None:
    then, today = (BUILT_IN, rules) if stricter else (rules, BUILT_IN)
    lake = ruled_by(curated_in_parts(tmp_path / "lake", seed, then), today)
    before = state(lake)
    for window in cut(seed):
        reprocess(lake, window)
        assert_conserved(lake)
    derive(lake)
    assert state(lake) == state(always_ruled(tmp_path / "always", seed, today)) != before
    assert reprocess(lake, WHOLE).releases == []


def test_objects_that_no_run_has_taken_are_left_to_the_next_curate(lake: Lake) -> None:
    put(lake, "old", sent("page_viewed", "e-1"))
    curate(lake)
    put(lake, "new", sent("page_viewed", "e-2"))
    assert reprocess(lake, WHOLE).objects == 1
    assert len(holdings(lake)["curated.page_viewed"]) == 1
    curate(lake)
    assert len(holdings(lake)["curated.page_viewed"]) == 2


def test_what_differs_is_told_by_table_day_and_column(lake: Lake, tmp_path: Path) -> None:
    known = [sent("page_viewed", f"e-{n}", a_field_of_tomorrow=n) for n in range(3)]
    put(lake, "a", *known, sent("order_placed", "o-1", correlation_id="kept"))
    put(lake, "b", sent("order_placed", "o-2", metadata={"correlation_id": "attempt-0"}), at=MONDAY + DAY)
    curate(lake)
    contracts = other_contracts(tmp_path / "contracts")
    field = {"type": ["integer", "null"], "minimum": 1, "description": "Known by now."}
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", **field)
    with_envelope_rule(contracts, "correlation_id", enum=["attempt-1", None])
    lake = ruled_by(lake, contracts)
    seen: list[object] = []
    result = reprocess(lake, WHOLE, check=seen.extend)
    told = {
        (table.table, day.day): (day.added, day.removed, day.changed, day.columns)
        for table in result.differences
        for day in table.days
        if table.table != EVENT_IDS
    }
    assert told == {
        ("curated.page_viewed", "2026-11-02"): (0, 1, 2, {"a_field_of_tomorrow": 2, "extras": 2}),
        ("curated.order_placed", "2026-11-02"): (0, 1, 0, {}),
        ("platform.personal_values", "2026-11-02"): (0, CLEAR_VALUES, 0, {}),
        ("platform.quarantine", "2026-11-02"): (1, 0, 0, {}),
        ("platform.quarantine", "2026-11-03"): (1, 0, 0, {}),
    }
    assert seen == result.differences


def test_where_a_check_refuses_what_differs_nothing_is_published(lake: Lake, tmp_path: Path) -> None:
    put(lake, "a", sent("page_viewed", "e-1", a_field_of_tomorrow=1))
    curate(lake)
    before, release = state(lake), newest(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", type=["integer", "null"], description="Known.")
    today = ruled_by(lake, contracts)

    def refuse(differences: tuple[TableDifference, ...]) -> None:
        raise UsageError(f"{len(differences)} tables differ.")

    with pytest.raises(UsageError, match=r"\d tables differ"):
        reprocess(today, WHOLE, check=refuse)
    assert (state(lake), newest(lake), branches(lake)) == (before, release, set())
    assert parquet_files(lake) == named_parquet_files(lake)


def test_an_undo_takes_a_reprocess_back(tmp_path: Path, rules: Path) -> None:
    lake = ruled_by(curated_in_parts(tmp_path / "lake", 1), rules)
    before = state(lake)
    (number,) = reprocess(lake, WHOLE).releases
    derive(lake)
    after = state(lake)
    undo(lake, lake.releases.get(number).run_id)
    assert state(lake) == before != after
    reprocess(lake, WHOLE)
    derive(lake)
    assert state(lake) == after


def test_only_files_of_days_that_differ_are_written(lake: Lake, tmp_path: Path) -> None:
    for day in range(3):
        at = MONDAY + day * DAY
        put(lake, f"d{day}", sent("page_viewed", f"e-{day}", at=at, a_field_of_tomorrow=day or None), at=at)
        curate(lake)
    before = parquet_files(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", type=["integer", "null"], description="Known.")
    lake = ruled_by(lake, contracts)
    result = reprocess(lake, Window(START, START + 2 * DAY))
    written = {path for path in parquet_files(lake) - before if "/page_viewed/" in path}
    assert {path.split("occurred_at_day=")[1][:10] for path in written} == {"2026-11-02", "2026-11-03"}
    assert result.bytes_read == sum(
        each.stat().st_size for each in (lake.root / "raw").rglob("*.gz") if each.name < "d2"
    )


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (START, START, "ends"),
        (START + DAY, START, "ends"),
        (START, START + HOUR / 2, "whole hours"),
    ],
)
def test_a_window_is_of_whole_hours(start: dt.datetime, end: dt.datetime, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Window(start, end)
