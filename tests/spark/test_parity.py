"""Both engines, dealt out and cut in other ways, make the same tables of the same raw."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from commands import DONE, lake_command

from lakehouse.lake import Lake
from pipeline.derive import derive
from pipeline.parity import Way, differing_rows, parity
from simulator import simulate
from simulator.landing import write_simulation
from transforms.sessions import PAUSE

WAYS = [
    Way("duckdb"),
    Way("spark", 1),
    Way("spark", 2),
    Way("spark", 7),
    Way("duckdb", increments=3),
    Way("spark", 2, 3),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.create(tmp_path_factory.mktemp("shop") / "lake")
    start = dt.date(2026, 11, 2)
    write_simulation(
        lake,
        simulate(lake.declarations, events=2500, days=2, seed=5, start=start, faults=True),
        seed=5,
        faults=True,
    )
    return lake


@pytest.mark.usefixtures("session")
def test_every_way_gives_the_same_tables(shop: Lake, tmp_path: Path) -> None:
    tables = parity(shop, WAYS, tmp_path)
    assert [table.table for table in tables if not table.is_equal] == []
    assert {len(table.hashes) for table in tables} == {len(WAYS)}
    filled = {table.table for table in tables if table.rows}
    assert {
        "curated.sessions",
        "curated.stock_ledger",
        "curated.customer_identities",
        "platform.quarantine",
    } <= filled


def test_a_difference_is_seen_and_shown(shop: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [Way("duckdb"), Way("duckdb", increments=2)]
    times = iter([PAUSE])  # for the first way
    monkeypatch.setattr(
        "pipeline.parity.derive", lambda lake: paused(lake, monkeypatch, next(times, PAUSE / 10))
    )
    tables = parity(shop, ways, tmp_path)
    assert [table.table for table in tables if not table.is_equal] == ["curated.sessions"]
    assert "session_id" in differing_rows(tmp_path, ways, "curated.sessions")
    assert differing_rows(tmp_path, ways, "curated.order_placed") == ""


def paused(lake: Lake, monkeypatch: pytest.MonkeyPatch, pause: dt.timedelta) -> None:
    """Derive with another rule of what a pause is."""
    monkeypatch.setattr("transforms.sessions.PAUSE", pause)
    derive(lake)


def test_the_command_prints_every_table_and_ends_well(shop: Lake) -> None:
    done = lake_command("parity", "--lake", shop.root, "--increments", "1", "--partitions", "2")
    assert done.returncode == DONE, done.stderr
    assert done.stdout.count("yes") == len(shop.declarations.curated) + len(shop.declarations.derived) + 2
