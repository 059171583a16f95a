"""Derived tables do not depend on the order in which raw came, nor on how it was cut into runs."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from pathlib import Path

import pytest
from holdings import derived

from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive
from simulator import simulate
from simulator.landing import write_simulation

EVENTS = 2500


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few days of a shop, with faults: late and doubled events, conflicts over days."""
    lake = Lake.create(tmp_path_factory.mktemp("shop") / "lake")
    objects = simulate(
        lake.declarations, events=EVENTS, days=4, seed=11, start=dt.date(2026, 11, 2), faults=True
    )
    write_simulation(lake, objects, seed=11, faults=True)
    return lake.store.root


def objects(raw: Path) -> list[str]:
    return sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*.gz"))


def arrive(lake: Lake, raw: Path, names: list[str]) -> None:
    for name in names:
        target = lake.store.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(raw / name, target)


def curated_in(root: Path, raw: Path, lots: list[list[str]]) -> Lake:
    lake = Lake.create(root)
    for lot in lots:
        arrive(lake, raw, lot)
        curate(lake)
        derive(lake)
    return lake


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The derived tables of one run over everything."""
    return derived(curated_in(tmp_path_factory.mktemp("whole") / "lake", raw, [objects(raw)]))


def test_every_derived_table_has_rows(whole: dict[str, list[str]]) -> None:
    assert {name.partition(".")[2] for name in whole} == {
        "customer_identities", "identity_edges", "identity_merges", "sessions", "stock_balances", "stock_ledger",
    }  # fmt: skip


@pytest.mark.parametrize("lots", [2, 5])
def test_in_order_and_in_many_runs(lots: int, raw: Path, whole: dict[str, list[str]], tmp_path: Path) -> None:
    names = objects(raw)
    size = -(-len(names) // lots)
    cut = [names[i : i + size] for i in range(0, len(names), size)]
    assert derived(curated_in(tmp_path / "lake", raw, cut)) == whole


@pytest.mark.parametrize("seed", [1, 2])
def test_in_any_order_and_any_cut(seed: int, raw: Path, whole: dict[str, list[str]], tmp_path: Path) -> None:
    names, chance = objects(raw), random.Random(seed)
    chance.shuffle(names)
    cut = [[name for i, name in enumerate(names) if i % 4 == lot] for lot in range(4)]
    assert derived(curated_in(tmp_path / "lake", raw, cut)) == whole


def test_again_changes_nothing(raw: Path, tmp_path: Path) -> None:
    lake = curated_in(tmp_path / "lake", raw, [objects(raw)[:20]])
    before = lake.releases.latest()
    assert derive(lake).release is None
    assert lake.releases.latest() == before
