from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import DONE, answer, lake_command
from holdings import accounts, ask, assert_conserved, files_of, holdings, marts
from shop_raw import MONDAY, Turmoil, put, sent
from small_project import small_lake

import pipeline.rebuild
from lakehouse.lake import Lake
from pipeline.build import BuildResult
from pipeline.curate import curate
from pipeline.rebuild import plan_rebuild


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """A lake that curated the turmoil of three days, a part at a time."""
    objects = Turmoil(3).objects
    for part in (objects[1::2], objects[::2]):
        for each in part:
            each.put(lake)
        curate(lake)
    return lake


def build_nothing(_lake: Lake, *, full: bool) -> BuildResult:
    assert full
    return BuildResult()


@pytest.fixture
def without_marts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuilding without dbt, which has a test of its own."""
    monkeypatch.setattr(pipeline.rebuild, "build", build_nothing)


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(lake: Lake) -> None:
    before = files_of(lake.root)
    done = lake_command("rebuild", "--dry-run", "--lake", lake.root)
    assert (done.returncode, done.stdout) == (DONE, "")
    objects = len(list((lake.root / "raw").rglob("*.json.gz")))
    assert f"{objects} raw objects" in done.stderr
    assert "set aside: catalog.db" in done.stderr
    assert files_of(lake.root) == before


def test_without_a_yes_nothing_is_rebuilt(lake: Lake) -> None:
    before = files_of(lake.root)
    assert lake_command("rebuild", "--lake", lake.root).returncode != DONE
    assert files_of(lake.root) == before


@pytest.mark.usefixtures("without_marts")
def test_a_rebuilt_lake_holds_the_same_and_the_old_one_is_set_aside(lake: Lake) -> None:
    held, told = holdings(lake), accounts(lake)
    raw = files_of(lake.root / "raw")
    _, _, aside = pipeline.rebuild.rebuild(plan_rebuild(lake.root))
    rebuilt = Lake.open(lake.root)
    assert holdings(rebuilt) == held
    assert accounts(rebuilt) == told
    assert_conserved(rebuilt)
    assert [release.verb for release in rebuilt.releases.since(0)] == ["curate", "derive"]
    assert files_of(lake.root / "raw") == raw
    assert aside is not None
    assert {"catalog.db", "warehouse", "releases"} <= {path.name for path in aside.iterdir()}


@pytest.mark.usefixtures("without_marts")
def test_a_lake_of_which_only_raw_survives_is_made_again(lake: Lake) -> None:
    held, told = holdings(lake), accounts(lake)
    for path in lake.root.iterdir():
        if path.name != "raw":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    pipeline.rebuild.rebuild(plan_rebuild(lake.root))
    rebuilt = Lake.open(lake.root)
    assert holdings(rebuilt) == held
    assert accounts(rebuilt) == told


@pytest.mark.dbt
def test_the_command_rebuilds_curated_and_marts(tmp_path: Path) -> None:
    lake = small_lake(tmp_path)
    put(lake, "one", *(sent("order_placed", f"e-{n}", order_id=f"o-{n}", at=MONDAY) for n in range(3)))
    curate(lake)
    held = holdings(lake)
    report = answer("rebuild", "--yes", "--lake", lake.root)
    assert (report["records"], report["missing"], report["release"]) == (3, 0, 2)
    rebuilt = Lake.open(lake.root)
    assert holdings(rebuilt) == held
    assert list(marts(rebuilt)) == ["marts.fct_orders"]
    orders = ask(rebuilt, "select order_id from marts.fct_orders order by 1")
    assert [row["order_id"] for row in orders] == ["o-0", "o-1", "o-2"]
