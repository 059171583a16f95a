from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from commands import DISK_FAILED, DONE, LAKE, Finished, environment, lake_command
from holdings import accounts, assert_conserved, branches, holdings, named_parquet_files, parquet_files
from shop_raw import HOUR, MONDAY, put, sent

from lakehouse.lake import Lake
from pipeline.curate import curate

PROFILE = "lease_seconds = 1\nquarantine_threshold = 1.0\ngrace_seconds = 0\n"
KIB = 1024

Contents = tuple[dict[str, list[str]], dict[str, dict[str, int]]]


def prepared(root: Path) -> Lake:
    """A lake with one run behind it and raw for another, which also takes a row of the first one back."""
    Lake.create(root)
    (root / "lake.toml").write_text(PROFILE, encoding="utf-8")
    lake = Lake.open(root)
    later = sent("order_placed", "o-1", at=MONDAY + 2 * HOUR)
    put(lake, "first", later, *(sent("page_viewed", f"p-{n}") for n in range(50)))
    curate(lake)
    earlier = sent("order_placed", "o-1", at=MONDAY + HOUR, order_id="earlier")
    put(lake, "second", earlier, sent("stock_adjusted", "s-1"), b"no JSON", at=MONDAY + HOUR)
    return lake


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """What a lake holds whose disk had room."""
    lake = prepared(tmp_path_factory.mktemp("undisturbed") / "lake")
    curate(lake)
    return holdings(lake), accounts(lake)


def assert_a_rerun_is_clean(lake: Lake, undisturbed: Contents) -> None:
    while lake.lease.holder():  # a lease that could not be given back
        time.sleep(0.05)
    curate(lake)
    assert (holdings(lake), accounts(lake)) == undisturbed
    assert_conserved(lake)
    assert branches(lake) == set()
    curate(lake)
    assert parquet_files(lake) == named_parquet_files(lake)


def assert_said_so(done: Finished) -> None:
    assert done.returncode == DISK_FAILED, done.stderr
    assert "then run again" in done.stderr
    assert "Traceback" not in done.stderr


def limited(limit: int, *words: str | Path) -> Finished:
    """Run `lake ...` with no file growing past a limit, which fails a write as a full disk does."""
    command = [*LAKE, *map(str, words)]
    limiting = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run(
        command, env=environment(), preexec_fn=limiting, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("limit", [0, 14_000])
def test_a_run_that_cannot_write_says_so_and_a_rerun_is_clean(
    tmp_path: Path, undisturbed: Contents, limit: int
) -> None:
    lake = prepared(tmp_path / "lake")
    assert_said_so(limited(limit, "curate", "--lake", lake.root))
    assert_a_rerun_is_clean(lake, undisturbed)


@pytest.mark.parametrize(
    "words", [("simulate", "--events", "9"), ("ingest", "rows.csv", "--mapping", "rows.yaml")]
)
def test_what_cannot_be_taken_in_says_so(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("number,since\n1,2026-01-01 10:00:00\n", encoding="utf-8")
    (tmp_path / "rows.yaml").write_text(
        "events: [{event_type: customer_registered, source: crm, occurred_at: since, id: [number],"
        " historical: true, fields: {customer_id: number}}]",
        encoding="utf-8",
    )
    assert_said_so(limited(100, *words, "--lake", lake.root))
    assert lake_command(*words, "--lake", lake.root).returncode == DONE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB, where this machine lets us mount one."""
    place, mount, unmount = tmp_path / "disk", shutil.which("mount"), shutil.which("umount")
    place.mkdir()
    asked = [str(mount), "-t", "tmpfs", "-o", f"size={16 * KIB}k", "tmpfs", str(place)]
    if not mount or subprocess.run(asked, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run([str(unmount), "-l", str(place)], check=True)


@pytest.mark.parametrize("room", [20, 200])
def test_a_run_that_fills_the_disk_says_so_and_a_rerun_is_clean(
    small_disk: Path, undisturbed: Contents, room: int
) -> None:
    lake = prepared(small_disk / "lake")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - room * KIB))
    assert_said_so(lake_command("curate", "--lake", lake.root))
    ballast.unlink()
    assert_a_rerun_is_clean(lake, undisturbed)
