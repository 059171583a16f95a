"""A run taken back: every table is as it was before it, and the next run takes its objects again."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from commands import DONE, WRONG_USE, answer, killed_at, lake_command
from holdings import assert_conserved, derived, holdings, marts, newest
from records import event, put_raw

from contracts.errors import UsageError
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.pause import pause, resume
from pipeline.undo import plan_undo, undo

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
LONG_AGO = 1_700_000_000
STAGES = ("curate.staged", "curate.claimed", "curate.publishing", "curate.published", "curate.released")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0, "lease_seconds": 2})


def put_long_ago(lake: Lake, name: str, *records: dict[str, Any]) -> None:
    """Write a raw object so that nothing but the ledger has its folder looked into once more."""
    raw_object = put_raw(lake, name, *records)
    at = LONG_AGO + ord(name)
    os.utime((lake.root / "raw" / raw_object).parent, (at, at))


def curated(lake: Lake) -> str:
    """Curate and derive; returns the id of the curate run."""
    (number,) = curate(lake).releases
    derive(lake)
    return lake.releases.get(number).run_id


def first(lake: Lake) -> str:
    put_long_ago(lake, "b", event(event_id="e-1"), event(event_id="e-2"), event("order_placed", "o-1"))
    return curated(lake)


def second(lake: Lake) -> str:
    """A run that adds, repeats, conflicts, is rejected in part, and displaces rows of the run before."""
    earlier = event(event_id="e-2", page_title="Other")
    earlier["time"] = "2026-11-01T09:00:00Z"
    broken = event(event_id="e-9", page_url=7)
    put_long_ago(
        lake,
        "a",
        event(event_id="e-1"),
        earlier,
        event(event_id="e-3"),
        broken,
        event("stock_received", "s-1"),
    )
    return curated(lake)


def state(lake: Lake) -> tuple[object, object]:
    return holdings(lake), derived(lake)


def test_every_table_is_as_it_was_and_the_next_run_takes_the_objects_again(lake: Lake) -> None:
    first(lake)
    before = state(lake)
    run = second(lake)
    after = state(lake)
    assert after != before
    planned = plan_undo(lake, run)
    pause(lake, "It is looked into.", NOW)  # which keeps nobody from mending
    done = undo(lake, run)
    resume(lake)
    assert state(lake) == before
    assert_conserved(lake)
    assert (planned.tables, planned.release) == (done.tables, None)
    assert [each.verb for each in done.releases] == ["derive", "curate"]
    rows = {each.table: (each.rows_before, each.rows_after) for each in done.tables}
    assert rows["curated.stock_received"] == (1, 0)
    assert rows["curated.page_viewed"] == (3, 2)
    assert rows["platform.quarantine"][1] == 0
    curated(lake)
    assert state(lake) == after


def test_runs_are_undone_one_after_the_other_newest_first(lake: Lake) -> None:
    one = first(lake)
    before = state(lake)
    two = second(lake)
    with pytest.raises(UsageError, match=f"{one} is not the newest curate that is in force, which is {two}"):
        undo(lake, one)
    undo(lake, two)
    assert state(lake) == before
    with pytest.raises(UsageError, match=f"which is {one}"):
        undo(lake, two)
    undo(lake, one)
    assert not any(rows for tables in state(lake) for rows in tables.values())  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="no run to undo"):
        undo(lake, one)
    curated(lake)
    assert_conserved(lake)


def test_a_lake_without_runs_has_nothing_to_undo(lake: Lake) -> None:
    with pytest.raises(UsageError, match="no run to undo"):
        plan_undo(lake, "20260101T000000ffffffff")


@pytest.mark.parametrize("point", STAGES)
def test_an_undo_that_was_killed_is_finished_or_taken_back(lake: Lake, tmp_path: Path, point: str) -> None:
    first(lake)
    before = state(lake)
    run = second(lake)
    after = state(lake)
    killed_at(point, "undo", "--lake", lake.root, run, log=tmp_path / "hit")
    while lake.lease.holder():  # of the one who died
        time.sleep(0.1)
    again = lake_command("undo", "--lake", lake.root, run)
    is_decided = point != "curate.staged"
    assert again.returncode == (WRONG_USE if is_decided else DONE), again.stderr
    assert state(lake) == before
    curated(lake)
    assert state(lake) == after


def test_the_command_says_what_it_would_take_back_and_takes_it(lake: Lake) -> None:
    run = first(lake)
    assert answer("status", "--lake", lake.root)["newest_curate"] == run
    found = answer("undo", "--lake", lake.root, run, "--dry-run")
    assert found["release"] is None
    assert newest(lake).verb == "derive"
    assert {each["verb"] for each in found["taken_back"]} == {"derive", "curate"}
    done = lake_command("undo", "--lake", lake.root, run, "--json")
    assert json.loads(done.stdout)["release"] == newest(lake).number
    assert newest(lake).restores == 0
    assert answer("status", "--lake", lake.root)["newest_curate"] is None


def in_bi(lake: Lake) -> list[tuple[object, ...]]:
    """What a BI tool sees of the health of the data."""
    with duckdb.connect(str(lake.root / "bi.duckdb"), read_only=True) as connection:
        return connection.sql("select * from marts.mart_data_health order by all").fetchall()


@pytest.mark.dbt
def test_marts_are_as_they_were_too(lake: Lake) -> None:
    first(lake)
    assert lake_command("run", "--lake", lake.root).returncode == DONE
    before, shown = marts(lake), in_bi(lake)
    second(lake)
    assert lake_command("build", "--lake", lake.root).returncode == DONE
    assert (marts(lake) != before, in_bi(lake) != shown) == (True, True)
    (run,) = [r.run_id for r in lake.releases.since(0) if r.verb == "curate"][-1:]
    undo(lake, run)
    assert (marts(lake), in_bi(lake)) == (before, shown)
    assert lake_command("build", "--lake", lake.root).returncode == DONE
    assert (marts(lake), in_bi(lake)) == (before, shown)
