"""Runs that are killed, stopped, overtaken or cut off from AWS."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError
from commands import DISK_FAILED, DONE, HELD, killed_at, lake_command, stopped_at
from conftest import at, profile, settings
from holdings import accounts, assert_conserved, branches, holdings, newest
from shop_raw import DAY, HOUR, MONDAY, put, sent
from small_project import make_contracts

from contracts.errors import StorageError
from lakehouse._aws import client
from lakehouse._s3 import Prefix
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.recovery import lost_runs

Contents = tuple[dict[str, list[str]], dict[str, dict[str, int]]]
NewLake = Callable[..., Lake]

DECIDED = ("curate.claimed", "curate.publishing")


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_contracts(tmp_path_factory.mktemp("small") / "contracts")


@pytest.fixture
def waiting(tmp_path: Path, contracts: Path) -> NewLake:
    """Makes a lake with a run behind it and raw for another, which adds rows and takes others out again."""

    def make(**more: object) -> Lake:
        lake = Lake.create(tmp_path / "lake", profile(contracts=str(contracts), grace_seconds=0, **more))
        fill(lake)
        return lake

    return make


def fill(lake: Lake) -> None:
    put(lake, "first", sent("page_viewed", "p-1"), sent("order_placed", "o-1", at=MONDAY + 2 * HOUR))
    curate(lake)
    earlier = sent("order_placed", "o-1", at=MONDAY + HOUR, order_id="earlier")
    put(lake, "second", earlier, sent("stock_adjusted", "s-1"), b"no JSON", at=MONDAY + DAY)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, contracts: Path) -> Contents:
    """What a lake of files holds that nothing befell."""
    lake = Lake.create(tmp_path_factory.mktemp("undisturbed"), {"contracts": str(contracts)})
    fill(lake)
    curate(lake)
    return holdings(lake), accounts(lake)


def assert_all_is_well(lake: Lake, undisturbed: Contents) -> None:
    assert (holdings(lake), accounts(lake)) == undisturbed
    assert_conserved(lake)
    assert branches(lake) == set()
    curate(lake)
    assert lost_runs(lake) == []
    assert lake.run_records.names() == []
    assert data_files(lake) == named_files(lake)


def data_files(lake: Lake) -> set[str]:
    place = lake.warehouse.location
    names = (name for name, _ in Prefix.of(place).listed())
    return {f"{place}/{name}" for name in names if name.endswith(".parquet")}


def named_files(lake: Lake) -> set[str]:
    return {
        file.file_path
        for release in lake.releases.since(0)
        for files in lake.catalogue.files_of(release.tables).values()
        for file in files
    }


def wait_for_the_lease(lake: Lake) -> None:
    while lake.lease.holder():
        time.sleep(0.05)


@pytest.mark.parametrize("point", ["curate.written", "curate.staged:2", *DECIDED])
def test_a_run_killed_anywhere_is_made_good_by_the_next(
    waiting: NewLake, undisturbed: Contents, tmp_path: Path, point: str
) -> None:
    lake = waiting(lease_seconds=1)
    killed_at(point, "curate", "--lake", lake.root, log=tmp_path / "hits")
    wait_for_the_lease(lake)
    assert bool(curate(lake).recovered) == (point not in DECIDED)
    assert_all_is_well(lake, undisturbed)


def test_of_two_runs_at_once_one_is_told_who_holds_the_lake(waiting: NewLake, undisturbed: Contents) -> None:
    lake = waiting()
    with stopped_at("curate.planned", "curate", "--lake", lake.root) as stopped:
        refused = lake_command("curate", "--lake", lake.root)
        assert refused.returncode == HELD, refused.stderr
        assert f"process {stopped.pid}" in refused.stderr
        assert stopped.go_on().returncode == DONE
    assert_all_is_well(lake, undisturbed)


def test_a_run_that_slept_past_its_lease_is_overtaken_and_adds_nothing(
    waiting: NewLake, undisturbed: Contents
) -> None:
    lake = waiting(lease_seconds=1)
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as stopped:
        wait_for_the_lease(lake)
        second = curate(lake)
        first = stopped.go_on()
    assert (len(second.recovered), len(second.releases)) == (1, 1)
    assert first.returncode == HELD, first.stderr
    assert_all_is_well(lake, undisturbed)


def test_a_run_told_to_end_gives_the_lake_back_at_once(waiting: NewLake, undisturbed: Contents) -> None:
    lake = waiting()
    with stopped_at("curate.staged", "curate", "--lake", lake.root) as stopped:
        assert stopped.go_on(signal.SIGTERM).returncode == 143
    assert lake.lease.holder() is None
    curate(lake)
    assert_all_is_well(lake, undisturbed)


def test_a_claim_whose_answer_never_came_stands_and_is_finished_by_the_next_run(
    waiting: NewLake, undisturbed: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = waiting()
    put_object = client("s3").put_object

    def cutting_off(**arguments: str) -> object:
        answer = put_object(**arguments)
        if "/claims/" in arguments["Key"]:
            raise ConnectionClosedError(endpoint_url="s3")
        return answer

    monkeypatch.setattr(client("s3"), "put_object", cutting_off)
    with pytest.raises(StorageError, match="then run again"):
        curate(lake)
    monkeypatch.undo()
    assert newest(lake).number == 1
    assert curate(lake).recovered == []
    assert newest(lake).number == 2
    assert_all_is_well(lake, undisturbed)


NOBODY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.mark.parametrize("verb", ["curate", "status"])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS_ENDPOINT_URL"),
        (NOBODY, "credentials or the permissions"),
    ],
    ids=["out of reach", "nobody"],
)
def test_without_aws_a_command_says_so_once_and_what_to_do(
    tmp_path: Path, aws: str, verb: str, broken: dict[str, str], said: str
) -> None:
    lake = Lake.create(tmp_path / "lake", profile())
    with settings(**{**at(aws), "AWS_MAX_ATTEMPTS": "2", **broken}):
        done = lake_command(verb, "--lake", lake.root)
    assert done.returncode == DISK_FAILED, done.stderr
    assert said in done.stderr
    assert "then run again." in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_a_bucket_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", profile(store="s3://no-such-bucket/lake"))
    done = lake_command("curate", "--lake", lake.root)
    assert done.returncode == DISK_FAILED, done.stderr
    assert "s3://no-such-bucket/lake" in done.stderr
    assert "Make the bucket" in done.stderr
