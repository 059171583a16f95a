"""The road on S3 and Glue ends where it ends on this machine's files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from commands import DONE, answer, lake_command
from conftest import profile
from holdings import accounts, ask, assert_conserved, branches, derived, holdings, newest
from shop_raw import DAY, HOUR, MONDAY, put, sent
from small_project import make_contracts, make_project

from contracts.layout import DEFAULT_BUS, raw_prefix
from ingestion.event_log import EventLog
from ingestion.lander import land
from lakehouse.lake import Lake
from lakehouse.sql import connect, create_raw_view, query, release_of
from pipeline.build import build
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.status import status_of
from simulator import simulate


def test_simulated_events_with_faults_become_the_same_rows(tmp_path: Path) -> None:
    def walk(lake: Lake) -> None:
        start = dt.date(2026, 11, 1)
        objects = list(simulate(lake.declarations, events=800, days=1, seed=5, start=start, faults=True))
        for part in (objects[1::2], objects[::2]):
            for each in part:
                lake.store.write(each.raw_object, each.data)
            curate(lake)
        derive(lake)

    files, remote = Lake.create(tmp_path / "files"), Lake.create(tmp_path / "remote", profile())
    for lake in (files, remote):
        walk(lake)
    assert holdings(remote) == holdings(files)
    assert derived(remote) == derived(files)
    assert accounts(remote) == accounts(files)
    assert_conserved(remote)
    assert branches(remote) == set()
    report = status_of(remote)
    assert (report["missing"], report["extra"]) == (0, 0)
    assert not list((remote.root).rglob("*.parquet"))


def small(folder: Path, **settings: object) -> Lake:
    """A lake on S3 of four event types."""
    contracts = make_contracts(folder / "contracts")
    return Lake.create(folder / "lake", profile(contracts=str(contracts), **settings))


def test_marts_are_built_from_there_into_there(tmp_path: Path) -> None:
    lake = small(tmp_path, dbt_project=str(make_project(tmp_path / "project")))
    for n in range(2):
        at = MONDAY + n * DAY
        put(lake, f"day-{n}", sent("order_placed", f"e-{n}", order_id=f"o-{n}", at=at), at=at)
    curate(lake)
    assert build(lake).release == 2
    assert ask(lake, "select order_id from marts.fct_orders order by 1") == [
        {"order_id": "o-0"},
        {"order_id": "o-1"},
    ]
    assert build(lake).release is None
    assert not (lake.root / "bi.duckdb").exists()


def test_worker_processes_read_and_write_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.engine.WORTH_A_POOL", 0)
    lake = small(tmp_path)
    put(lake, "one", sent("page_viewed", "p-1"), sent("order_placed", "o-1"))
    put(lake, "two", sent("page_viewed", "p-1", page_url="https://shop.example/other"), at=MONDAY + HOUR)
    curate(lake)
    found = {table: len(rows) for table, rows in holdings(lake).items()}
    assert found == {"curated.order_placed": 1, "curated.page_viewed": 1, "platform.quarantine": 1}


def test_an_object_that_appears_in_an_old_prefix_is_found_by_the_next_run(tmp_path: Path) -> None:
    lake = small(tmp_path)
    put(lake, "new", sent("page_viewed", "p-1", at=MONDAY + DAY), at=MONDAY + DAY)
    put(lake, "old", sent("page_viewed", "p-2"))
    curate(lake)
    assert curate(lake).releases == []
    put(lake, "late", sent("page_viewed", "p-3"))
    assert [account.raw_object for account in curate(lake).accounts if account.records] == [
        f"{raw_prefix(DEFAULT_BUS, MONDAY)}late.json.gz"
    ]


def test_what_waits_in_the_event_log_lands_there(tmp_path: Path) -> None:
    lake = small(tmp_path)
    with EventLog(lake.log_path) as log:
        log.append([b"{}"], bus="shop", received_at=MONDAY)
        (landed,) = land(log, lake.store, now=MONDAY + HOUR)
        assert land(log, lake.store, now=MONDAY + HOUR) == []
    assert list(lake.store.names()) == [landed.raw_object]


def test_raw_can_be_asked_there(tmp_path: Path) -> None:
    lake = small(tmp_path)
    name = put(lake, "one", sent("page_viewed", "p-1"), b"no JSON")
    with connect(lake, release_of(lake)) as connection:
        create_raw_view(connection, lake)
        rows = query(connection, "select raw_object, count(*) as n from raw.records group by all").to_pylist()
    assert rows == [{"raw_object": name, "n": 2}]


def test_another_folder_with_the_same_profile_is_the_same_lake(tmp_path: Path) -> None:
    lake = small(tmp_path)
    put(lake, "one", sent("page_viewed", "p-1"))
    curate(lake)
    other = tmp_path / "another machine"
    other.mkdir()
    (other / "lake.toml").write_bytes((lake.root / "lake.toml").read_bytes())
    assert holdings(Lake.open(other)) == holdings(lake)
    assert curate(Lake.open(other)).releases == []
    assert newest(lake).number == 1


def test_the_command_line_walks_the_road_there(tmp_path: Path) -> None:
    settings = profile()
    chosen = [
        *("--store", settings["store"], "--catalogue", "glue"),
        *("--glue-database-prefix", settings["glue_database_prefix"]),
    ]
    folder = tmp_path / "lake"
    assert lake_command("init", folder, *chosen).returncode == DONE
    lake = Lake.open(folder)
    put(lake, "one", sent("page_viewed", "p-1"), b"no JSON")
    done = lake_command("curate", "--lake", folder)
    assert "The profile allows" not in done.stderr
    assert answer("status", "--lake", folder)["accounts"]["curated"] == 1
    assert "of the records were quarantined" in done.stderr
    assert "nanobind" not in done.stderr
    refused = lake_command("rebuild", "--dry-run", "--lake", folder)
    assert "is a lake on S3" in refused.stderr
