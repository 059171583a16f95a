"""Whoever is killed, driver or executors' Python: the next run makes it good."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from commands import DONE, HELD, killed_at, lake_command, stopped_at
from holdings import accounts, assert_conserved, branches, derived, holdings
from shop_raw import DAY, MONDAY, put, sent

from lakehouse.failpoints import FAILPOINTS
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive

IN_EXECUTORS = {"curate.decoding", "curate.writing", "derive.computing"}
ORDINARY = {"curate.staged", "curate.publishing", "derive.derived"}
"""Points of the driver at which the ordinary lane kills it, one of each kind; the others are for machines with time."""
DRIVERS = [
    pytest.param(point, marks=() if point in ORDINARY else pytest.mark.soak)
    for point in FAILPOINTS
    if point.startswith(("curate.", "derive.")) and point not in IN_EXECUTORS
]

Contents = tuple[dict[str, list[str]], dict[str, dict[str, int]], dict[str, list[str]]]


def filled(root: Path, engine: str, *, lease: float = 2.0) -> Lake:
    lake = Lake.create(root, {"engine": engine, "lease_seconds": lease, "quarantine_threshold": 1.0})
    views = [sent("page_viewed", f"p-{n}", visitor_id=f"v-{n % 3}") for n in range(9)]
    put(lake, "a", *views, sent("stock_adjusted", "s-1"), b"no JSON")
    put(lake, "b", views[0], sent("order_placed", "o-1", at=MONDAY + DAY), at=MONDAY + DAY)
    return lake


def contents(lake: Lake) -> Contents:
    assert_conserved(lake)
    assert branches(lake) == set()
    return holdings(lake), accounts(lake), derived(lake)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """What one machine makes of it when nothing befalls."""
    lake = filled(tmp_path_factory.mktemp("undisturbed") / "lake", "duckdb")
    curate(lake)
    derive(lake)
    return contents(lake)


def again(lake: Lake) -> None:
    while lake.lease.holder():
        time.sleep(0.1)
    for verb in ("curate", "derive"):
        done = lake_command(verb, "--lake", lake.root)
        assert done.returncode == DONE, done.stderr


@pytest.mark.parametrize("point", DRIVERS)
def test_a_driver_that_is_killed_is_made_good_by_the_next(
    undisturbed: Contents, tmp_path: Path, point: str
) -> None:
    lake, verb = filled(tmp_path / "lake", "spark"), point.partition(".")[0]
    if verb == "derive":
        curate(lake)
    killed_at(point, verb, "--lake", lake.root, log=tmp_path / "hits")
    again(lake)
    assert contents(lake) == undisturbed


@pytest.mark.parametrize("point", sorted(IN_EXECUTORS))
def test_python_killed_in_an_executor_costs_a_second_try_and_no_row(
    undisturbed: Contents, tmp_path: Path, point: str
) -> None:
    lake, verb = filled(tmp_path / "lake", "spark"), point.partition(".")[0]
    if verb == "derive":
        curate(lake)
    hits = tmp_path / "hits"
    done = lake_command(verb, "--lake", lake.root, LAKE_FAILPOINT=point, LAKE_FAILPOINT_LOG=str(hits))
    assert done.returncode == DONE, done.stderr
    assert hits.read_text() == f"{point}\n"
    again(lake)
    assert contents(lake) == undisturbed


def test_of_two_drivers_at_once_one_exits_3(undisturbed: Contents, tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", "spark", lease=300.0)
    with stopped_at("curate.planned", "curate", "--lake", lake.root) as first:
        second = lake_command("curate", "--lake", lake.root)
        assert second.returncode == HELD, second.stderr
        assert "holds the lake since" in second.stderr
        assert first.go_on().returncode == DONE
    again(lake)
    assert contents(lake) == undisturbed


def test_a_driver_that_was_overtaken_adds_nothing(undisturbed: Contents, tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", "spark")
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as first:
        again(lake)
        assert first.go_on().returncode == HELD
    assert contents(lake) == undisturbed


def test_a_driver_told_to_end_ends(tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", "spark")
    with stopped_at("curate.planned", "curate", "--lake", lake.root) as first:
        assert first.go_on(signal.SIGTERM).returncode == 143
