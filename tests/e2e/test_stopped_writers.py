from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path

import pytest
from commands import DONE, HELD, Finished, lake_command, stopped_at
from holdings import assert_conserved, branches, holdings, newest
from shop_raw import DAY, HOUR, MONDAY, put, sent

from contracts.errors import HeldError
from lakehouse.lake import Lake
from pipeline.curate import CurateResult, curate

LEASE_SECONDS = 1


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with a run behind it, raw for another, and a lease of a second."""
    return prepared(tmp_path / "lake")


def prepared(root: Path) -> Lake:
    Lake.create(root)
    profile = f"lease_seconds = {LEASE_SECONDS}\nquarantine_threshold = 1.0"
    (root / "lake.toml").write_text(profile, encoding="utf-8")
    lake = Lake.open(root)
    put(lake, "first", sent("page_viewed", "p-1"), sent("order_placed", "o-1", at=MONDAY + 2 * HOUR))
    curate(lake)
    earlier = sent("order_placed", "o-1", at=MONDAY + HOUR, order_id="earlier")
    put(lake, "second", earlier, sent("page_viewed", "p-2"), b"no JSON", at=MONDAY + DAY)
    return lake


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    lake = prepared(tmp_path_factory.mktemp("undisturbed") / "lake")
    curate(lake)
    return holdings(lake)


def overtaken(point: str, lake: Lake) -> tuple[Finished, CurateResult]:
    """What came of a run that was stopped for longer than its lease, and of the one that overtook it."""
    with stopped_at(point, "curate", "--lake", lake.root) as stopped:
        time.sleep(1.2 * LEASE_SECONDS)
        second = curate(lake)
        return stopped.go_on(), second


@pytest.mark.parametrize("point", ["curate.written", "curate.staged"])
def test_a_writer_that_slept_past_its_lease_is_overtaken_and_adds_nothing(
    lake: Lake, expected: dict[str, list[str]], point: str
) -> None:
    first, second = overtaken(point, lake)
    assert (len(second.recovered), len(second.releases)) == (1, 1)
    assert first.returncode == HELD, first.stderr
    assert "Run again" in first.stderr
    assert holdings(lake) == expected
    assert_conserved(lake)
    assert curate(lake).releases == []
    assert branches(lake) == set()


def test_a_writer_that_slept_after_its_claim_is_finished_by_the_next(
    lake: Lake, expected: dict[str, list[str]]
) -> None:
    first, second = overtaken("curate.claimed", lake)
    assert (second.recovered, second.releases) == ([], [])
    assert first.returncode == DONE, first.stderr
    assert newest(lake).number == 2
    assert holdings(lake) == expected
    assert_conserved(lake)
    assert branches(lake) == set()


def test_a_writer_that_slept_while_nobody_came_goes_on(lake: Lake, expected: dict[str, list[str]]) -> None:
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as stopped:
        time.sleep(1.2 * LEASE_SECONDS)
        first = stopped.go_on()
    assert first.returncode == DONE, first.stderr
    assert holdings(lake) == expected


@pytest.mark.parametrize(("told", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_told_to_end_ends_and_gives_the_lake_back_at_once(
    lake: Lake, expected: dict[str, list[str]], told: signal.Signals, exit_code: int
) -> None:
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as stopped:
        ended = stopped.go_on(told)
    assert ended.returncode == exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert lake.lease.holder() is None
    curate(lake)
    assert holdings(lake) == expected
    assert branches(lake) == set()


def test_who_comes_while_a_run_is_under_way_is_told_who_holds_the_lake_since_when(
    lake: Lake, expected: dict[str, list[str]]
) -> None:
    (lake.root / "lake.toml").write_text("quarantine_threshold = 1.0", encoding="utf-8")
    with stopped_at("curate.planned", "curate", "--lake", lake.root) as stopped:
        refused = lake_command("curate", "--lake", lake.root)
        assert refused.returncode == HELD
        assert f"process {stopped.pid} on {socket.gethostname()}" in refused.stderr
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", refused.stderr)
        assert "its lease ends in" in refused.stderr
        assert stopped.go_on().returncode == DONE
    assert holdings(lake) == expected


def test_a_run_that_works_for_longer_than_its_lease_keeps_it(lake: Lake) -> None:
    with lake.lease.hold("slow"):
        time.sleep(2 * LEASE_SECONDS)
        with pytest.raises(HeldError):
            curate(lake)
