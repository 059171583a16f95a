from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import DONE, killed_at, lake_command
from holdings import (
    accounts,
    assert_conserved,
    branches,
    holdings,
    named_parquet_files,
    parquet_files,
)
from shop_raw import DAY, HOUR, MONDAY, put, sent

from lakehouse.failpoints import FAILPOINTS
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.recovery import lost_runs
from pipeline.status import status_of

Contents = tuple[dict[str, list[str]], dict[str, dict[str, int]]]

POINTS = tuple(point for point in FAILPOINTS if point.startswith("curate."))
DECIDED = ("curate.claimed", "curate.publishing", "curate.published", "curate.released")
"""From here on a run is published, whoever finishes it."""

SHORT_LEASE = "lease_seconds = 1\nquarantine_threshold = 1.0\n"
AT_ONCE = "grace_seconds = 0\n"


def settings(lake: Lake, *lines: str) -> Lake:
    """The lake with another profile."""
    (lake.root / "lake.toml").write_text("".join(lines), encoding="utf-8")
    return Lake.open(lake.root)


def put_first(lake: Lake) -> None:
    """Raw of a first run."""
    put(lake, "first", *(sent("page_viewed", f"p-{n}") for n in range(3)), sent("stock_adjusted", "s-1"))
    later = sent("order_placed", "o-1", at=MONDAY + 2 * HOUR, order_id="later")
    put(lake, "later", later, b"no JSON", at=MONDAY + 2 * HOUR)


def put_second(lake: Lake) -> None:
    """Raw that adds rows to old tables and new ones, and takes rows of earlier runs out of curated and into quarantine."""
    earlier = sent("order_placed", "o-1", at=MONDAY + HOUR, order_id="earlier")
    put(lake, "earlier", earlier, sent("page_viewed", "p-3", at=MONDAY + HOUR), at=MONDAY + HOUR)
    put(lake, "next", sent("payment_captured", "c-1", at=MONDAY + DAY), b"{}", at=MONDAY + DAY)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """What a lake holds that nothing befell."""
    lake = Lake.create(tmp_path_factory.mktemp("undisturbed"))
    put_first(lake)
    curate(lake)
    put_second(lake)
    curate(lake)
    return holdings(lake), accounts(lake)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lake with a first run behind it and raw for a second one; as tables hold whole paths, copies go back to its place."""
    place = tmp_path_factory.mktemp("waiting") / "lake"
    lake = settings(Lake.create(place), SHORT_LEASE)
    put_first(lake)
    curate(lake)
    put_second(lake)
    shutil.copytree(place, place.with_name("kept"))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def lake(waiting: Path) -> Lake:
    shutil.rmtree(waiting)
    shutil.copytree(waiting.with_name("kept"), waiting)
    return Lake.open(waiting)


def assert_all_is_well(lake: Lake, undisturbed: Contents) -> None:
    assert (holdings(lake), accounts(lake)) == undisturbed
    assert_conserved(lake)
    assert branches(lake) == set()


def next_run(lake: Lake) -> list[str]:
    """Curate once the lease of the one who died is over; returns the runs found lost."""
    while lake.lease.holder():
        time.sleep(0.05)
    return curate(lake).recovered


@pytest.mark.parametrize("point", [*POINTS, "curate.staged:4"])
def test_a_run_killed_anywhere_is_made_good_by_the_next(
    lake: Lake, undisturbed: Contents, tmp_path: Path, point: str
) -> None:
    killed_at(point, "curate", "--lake", lake.root, log=tmp_path / "hits")
    left_behind = parquet_files(lake) - named_parquet_files(lake)
    recovered = next_run(lake)
    assert bool(recovered) == (point not in DECIDED)
    assert_all_is_well(lake, undisturbed)

    lost = lost_runs(lake)
    assert [each.run_id for each in lost] == recovered
    recorded = {file for each in lost for file in each.files}
    assert all(Path(file).exists() for file in recorded)
    assert parquet_files(lake) - named_parquet_files(lake) == {f for f in recorded if f.endswith(".parquet")}
    assert left_behind <= recorded | named_parquet_files(lake)

    lake = settings(lake, SHORT_LEASE, AT_ONCE)
    assert next_run(lake) == []
    assert lost_runs(lake) == []
    assert not any(Path(file).exists() for file in recorded)
    assert parquet_files(lake) == named_parquet_files(lake)
    assert [path.name for path in lake.runs.iterdir()] in ([], ["lost"])
    assert_all_is_well(lake, undisturbed)


@pytest.mark.parametrize("point", ["curate.staged", "curate.publishing"])
def test_the_very_first_run_may_be_killed_too(tmp_path: Path, point: str) -> None:
    lake = settings(Lake.create(tmp_path / "lake"), SHORT_LEASE)
    put_first(lake)
    killed_at(point, "curate", "--lake", lake.root, log=tmp_path / "hits")
    assert lake.releases.latest() is None
    next_run(lake)
    assert {table: len(rows) for table, rows in holdings(lake).items()} == {
        "curated.order_placed": 1,
        "curated.page_viewed": 3,
        "curated.stock_adjusted": 1,
        "platform.quarantine": 1,
    }
    assert branches(lake) == set()
    assert_conserved(lake)


def test_a_run_killed_while_it_finishes_another_is_made_good_too(
    lake: Lake, undisturbed: Contents, tmp_path: Path
) -> None:
    for point in ("curate.claimed", "curate.publishing"):
        killed_at(point, "curate", "--lake", lake.root, log=tmp_path / "hits")
        time.sleep(1)
    next_run(lake)
    assert_all_is_well(lake, undisturbed)


def test_a_run_may_be_killed_again_and_again_before_it_decides(
    lake: Lake, undisturbed: Contents, tmp_path: Path
) -> None:
    for point in ("curate.written", "curate.staged:3"):
        killed_at(point, "curate", "--lake", lake.root, log=tmp_path / "hits")
        time.sleep(1)
    next_run(lake)
    assert len(lost_runs(lake)) == 2
    assert_all_is_well(lake, undisturbed)


def test_the_command_says_what_it_recovered(lake: Lake, tmp_path: Path) -> None:
    killed_at("curate.staged", "curate", "--lake", lake.root, log=tmp_path / "hits")
    time.sleep(1)
    done = lake_command("curate", "--lake", lake.root)
    assert done.returncode == DONE
    (lost,) = lost_runs(lake)
    assert f"Recovered from a run that was lost: {lost.run_id}." in done.stderr
    notes = status_of(lake)["notes"]
    assert any(lost.run_id in note and "deleted after the grace" in note for note in notes)


def test_every_commit_point_of_curate_is_tried_and_named_in_order() -> None:
    assert POINTS == (
        "curate.planned",
        "curate.decoding",
        "curate.decoded",
        "curate.writing",
        "curate.written",
        "curate.staged",
        "curate.claimed",
        "curate.publishing",
        "curate.published",
        "curate.released",
    )
