"""Maintenance: small files become one, old releases go with their files; what is in force stays as it is."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from pathlib import Path

import pytest
from commands import DONE, HELD, WRONG_USE, answer, killed_at, lake_command, stopped_at
from holdings import accounts, assert_conserved, derived, holdings, named_parquet_files, newest, parquet_files
from shop_raw import HOUR, put, sent

from lakehouse.lake import Lake
from lakehouse.sql import connect
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.maintain import maintain, plan_maintain
from pipeline.rewriting import CROWDED
from pipeline.undo import undo

LATER = dt.timedelta(days=400)
LATELY = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=3)
"""A day of which nothing is past its retention, whenever this is run."""
POINTS = ("maintain.compacted", "curate.publishing", "maintain.decided", "maintain.expiring")


def later() -> dt.datetime:
    """When every release so far is old."""
    return dt.datetime.now(dt.UTC) + LATER


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of many runs, each with a file of the same day; as tables hold whole paths, copies go back to its place."""
    lake = Lake.create(tmp_path_factory.mktemp("crowded") / "lake")
    (lake.root / "lake.toml").write_text(
        "keep_releases = 3\nkeep_days = 0\nlease_seconds = 1\n", encoding="utf-8"
    )
    lake = Lake.open(lake.root)
    for n in range(CROWDED):
        put(
            lake,
            f"run-{n:02d}",
            sent("page_viewed", f"e-{n}", at=LATELY),
            sent("page_viewed", "same", at=LATELY + n * HOUR),
            at=LATELY,
        )
        curate(lake)
    derive(lake)
    shutil.copytree(lake.root, lake.root.with_name("kept"))
    return lake.root


@pytest.fixture
def lake(crowded: Path) -> Lake:
    """That lake as it was; three releases are kept, for no time."""
    shutil.rmtree(crowded)
    shutil.copytree(crowded.with_name("kept"), crowded)
    return Lake.open(crowded)


def state(lake: Lake) -> tuple[object, ...]:
    assert_conserved(lake)
    return holdings(lake), derived(lake), accounts(lake)


def page_files(lake: Lake) -> int:
    table = "curated.page_viewed"
    return len(lake.catalogue.files(table, newest(lake).tables[table]))


def test_small_files_become_one_and_old_releases_go(lake: Lake) -> None:
    before, files = state(lake), parquet_files(lake)
    planned = plan_maintain(lake, later())
    assert (state(lake), parquet_files(lake)) == (before, files)
    done = maintain(lake, later())
    assert planned.compacted == done.compacted == {"curated.page_viewed": {f"{LATELY:%Y-%m-%d}": CROWDED}}
    assert (page_files(lake), state(lake)) == (1, before)
    assert done.deleted > CROWDED
    assert planned.expired == done.expired[:-1]  # the compaction's release makes one more too old
    kept = [each for each in lake.releases.since(0) if each.number not in done.expired]
    assert [each.number for each in kept][-3:] == [newest(lake).number - n for n in (2, 1, 0)]
    for release in kept:
        with connect(lake, release) as connection:
            assert connection.sql("select count(*) from curated.page_viewed").fetchall() == [(CROWDED + 1,)]
    again = maintain(lake, later())
    assert (again.compacted, again.expired, again.deleted, again.releases) == ({}, [], 0, [])
    assert parquet_files(lake) == {
        path for each in kept for table, snapshot in each.tables.items()
        for path in (f.file_path.removeprefix("file://") for f in lake.catalogue.files(table, snapshot))
    }  # fmt: skip


def test_young_releases_stay(lake: Lake) -> None:
    (lake.root / "lake.toml").write_text("keep_releases = 1\nkeep_days = 1\n", encoding="utf-8")
    lake = Lake.open(lake.root)
    done = maintain(lake, dt.datetime.now(dt.UTC))
    assert done.expired == []
    assert parquet_files(lake) == named_parquet_files(lake)


def test_what_depends_on_a_table_does_not_follow_a_compaction(lake: Lake) -> None:
    maintain(lake, later())
    release = newest(lake)
    assert release.changes["curated.page_viewed"] == []
    assert derive(lake).release is None
    put(lake, "more", sent("page_viewed", "more", at=LATELY), at=LATELY)
    curate(lake)
    derive(lake)
    assert_conserved(lake)


def test_a_run_can_still_be_undone_while_the_release_before_it_is_kept(lake: Lake) -> None:
    before = state(lake)
    put(lake, "more", sent("page_viewed", "more", at=LATELY), at=LATELY)
    (number,) = curate(lake).releases
    maintain(lake, later())
    undo(lake, lake.releases.get(number).run_id)
    assert state(lake) == before


def test_a_release_that_went_is_told_as_such(lake: Lake) -> None:
    maintain(lake, later())
    asked = lake_command(
        "sql", "--lake", lake.root, "--as-of", "1", "select count(*) from curated.page_viewed"
    )
    assert (asked.returncode, "expired" in asked.stderr) == (WRONG_USE, True), asked.stderr


@pytest.mark.parametrize("point", POINTS)
def test_killed_it_goes_on(lake: Lake, tmp_path: Path, point: str) -> None:
    before = state(lake)
    killed_at(point, "maintain", "--lake", lake.root, log=tmp_path / "hit")
    while lake.lease.holder():
        time.sleep(0.1)
    assert state(lake) == before
    assert lake_command("maintain", "--lake", lake.root).returncode == DONE
    assert (page_files(lake), state(lake)) == (1, before)
    assert answer("maintain", "--lake", lake.root, "--dry-run")["deleted"] == 0


def test_beside_a_writer_it_waits_its_turn(lake: Lake) -> None:
    put(lake, "more", sent("page_viewed", "more", at=LATELY), at=LATELY)
    (lake.root / "lake.toml").write_text(
        "keep_releases = 3\nkeep_days = 0\nlease_seconds = 600\n", encoding="utf-8"
    )
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as stopped:
        assert lake_command("maintain", "--lake", lake.root).returncode == HELD
        assert stopped.go_on().returncode == DONE
    assert lake_command("maintain", "--lake", lake.root).returncode == DONE
    assert_conserved(Lake.open(lake.root))
