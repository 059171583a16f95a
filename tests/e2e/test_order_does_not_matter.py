from __future__ import annotations

import random
from pathlib import Path

import pytest
from holdings import accounts, assert_conserved, holdings, newest
from shop_raw import DAY, HOUR, MONDAY, RawObject, Turmoil, again, put, sent

from lakehouse.lake import Lake
from pipeline.curate import curate


def curated_in_one_run(root: Path, objects: list[RawObject]) -> Lake:
    return curated_in_runs(root, [objects])


def curated_in_runs(root: Path, runs: list[list[RawObject]]) -> Lake:
    lake = Lake.create(root)
    for objects in runs:
        for each in objects:
            each.put(lake)
        curate(lake)
        assert_conserved(lake)
    return lake


def shuffled_and_cut(objects: list[RawObject], seed: int) -> list[list[RawObject]]:
    rng = random.Random(seed)
    order = rng.sample(objects, len(objects))
    cuts = sorted(rng.sample(range(1, len(order)), rng.randint(1, 4)))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def assert_the_order_does_not_matter(tmp_path: Path, seed: int) -> None:
    objects = Turmoil(seed).objects
    straight = curated_in_one_run(tmp_path / "straight", objects)
    shuffled = curated_in_runs(tmp_path / "shuffled", shuffled_and_cut(objects, seed))
    assert holdings(shuffled) == holdings(straight)
    assert accounts(shuffled) == accounts(straight)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_and_the_cut_of_runs_do_not_matter(tmp_path: Path, seed: int) -> None:
    assert_the_order_does_not_matter(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6, 206))
def test_no_order_and_no_cut_of_runs_matters(tmp_path: Path, seed: int) -> None:
    assert_the_order_does_not_matter(tmp_path, seed)
