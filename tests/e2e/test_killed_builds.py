from __future__ import annotations

import time
from pathlib import Path

import pytest
from commands import DONE, killed_at, lake_command
from holdings import ask, branches, marts, named_parquet_files, newest, parquet_files
from shop_raw import DAY, MONDAY, put, sent
from small_project import small_lake

from contracts.layout import MARTS
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.recovery import lost_runs

pytestmark = pytest.mark.dbt


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose marts are still to be built."""
    lake = small_lake(tmp_path)
    for n in range(2):
        at = MONDAY + n * DAY
        put(lake, f"day-{n}", sent("order_placed", f"e-{n}", order_id=f"o-{n}", at=at), at=at)
    curate(lake)
    return lake


def has_marts(lake: Lake) -> bool:
    return any(table.startswith(f"{MARTS}.") for table in newest(lake).tables)


def assert_marts_are_built(lake: Lake) -> None:
    placed = ask(lake, "select order_id from curated.order_placed order by 1")
    assert ask(lake, "select order_id from marts.fct_orders order by 1") == placed
    assert branches(lake) == set()


def wait_for_the_lease(lake: Lake) -> None:
    while lake.lease.holder():
        time.sleep(0.05)


def test_a_build_killed_before_it_decides_is_made_again(lake: Lake, tmp_path: Path) -> None:
    killed_at("build.built", "build", "--lake", lake.root, log=tmp_path / "hits")
    assert not has_marts(lake)
    assert marts(lake) == {}
    wait_for_the_lease(lake)
    done = lake_command("build", "--lake", lake.root)
    assert done.returncode == DONE, done.stderr
    assert_marts_are_built(lake)
    assert len(lost_runs(lake)) == 1
    assert parquet_files(lake) == named_parquet_files(lake)


def test_a_build_killed_after_it_decided_is_finished_by_the_next_run(lake: Lake, tmp_path: Path) -> None:
    killed_at("curate.claimed", "build", "--lake", lake.root, log=tmp_path / "hits")
    assert not has_marts(lake)
    wait_for_the_lease(lake)
    assert curate(lake).releases == []
    assert_marts_are_built(lake)
    assert lost_runs(lake) == []
    done = lake_command("build", "--lake", lake.root)
    assert "up to date" in done.stderr
