"""A reprocess that is killed, or beside which other runs go on, ends as one that nothing befell."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import DONE, HELD, LAKE, answer, environment, killed_at, lake_command, stopped_at
from holdings import accounts, assert_conserved, holdings, marts
from ruled import ruled_by, with_rule
from shop_raw import DAY, HOUR, MONDAY, put, sent
from small_project import make_contracts, small_lake

from lakehouse.lake import Lake
from lakehouse.sql import connect
from pipeline.build import build
from pipeline.curate import curate

POINTS = (
    "reprocess.decoded",
    "reprocess.compared",
    "curate.publishing",
    *(
        pytest.param(f"curate.{point}", marks=pytest.mark.soak)
        for point in ("writing", "staged", "claimed", "published", "released")
    ),
)
WINDOW = ("--from", "2026-11-02", "--to", "2026-11-05")
ORDERS = 3

TORN = """
select order_id from curated.order_placed full join curated.payment_captured using (order_id)
where order_placed.event_id is null or payment_captured.event_id is null
"""


def put_day(lake: Lake, day: int) -> None:
    """Orders of a day and their payments, each in an object of its own; one order comes twice."""
    at = MONDAY + day * DAY
    orders = [
        sent("order_placed", f"o-{day}-{n}", at=at + n * HOUR, order_id=f"{day}-{n}") for n in range(ORDERS)
    ]
    put(lake, f"orders-{day}", *orders, orders[0], at=at)
    payments = [
        sent("payment_captured", f"c-{day}-{n}", at=at, order_id=f"{day}-{n}", capture_id=f"{day}-{n}")
        for n in range(ORDERS)
    ]
    put(lake, f"payments-{day}", *payments, at=at + HOUR)


def make_lake(folder: Path) -> Lake:
    """A lake of three days, curated and built under rules that then changed: an order of every day, and its payment, fail today's."""
    lake = small_lake(folder)
    with (lake.root / "lake.toml").open("a", encoding="utf-8") as profile:
        profile.write("quarantine_threshold = 1.0\n")
    for day in range(3):
        put_day(lake, day)
        curate(lake)
    build(lake)
    rules = make_contracts(folder / "rules")
    passing = [f"{day}-{n}" for day in range(6) for n in range(ORDERS) if n != 1]
    with_rule(rules, "order_placed", "order_id", enum=passing)
    with_rule(rules, "payment_captured", "order_id", enum=passing)
    return ruled_by(lake, rules)


State = tuple[object, ...]


def state(lake: Lake) -> State:
    """Everything there is, but which run wrote it."""
    assert_conserved(lake)
    return holdings(lake), accounts(lake), marts(lake)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a lake that waits for its reprocess; as tables hold whole paths, copies go back to its place."""
    place = tmp_path_factory.mktemp("waiting")
    make_lake(place / "shop")
    shutil.copytree(place / "shop", place / "kept")
    yield place / "shop"
    shutil.rmtree(place)


@pytest.fixture
def lake(waiting: Path) -> Lake:
    """The lake, as it was before its reprocess."""
    shutil.rmtree(waiting)
    shutil.copytree(waiting.with_name("kept"), waiting)
    return Lake.open(waiting / "lake")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> State:
    """What a lake holds whose reprocess nothing befell."""
    lake = make_lake(tmp_path_factory.mktemp("undisturbed") / "shop")
    before = state(lake)
    assert lake_command("reprocess", "--lake", lake.root, *WINDOW).returncode == DONE
    assert state(lake) != before
    return state(lake)


def wait_for_the_lease(lake: Lake) -> None:
    """Of one who died."""
    while lake.lease.holder() or lake.reprocess_lease.holder():
        time.sleep(0.1)


@pytest.mark.dbt
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_commit_point_and_run_again_it_is_as_undisturbed(
    lake: Lake, tmp_path: Path, undisturbed: State, point: str
) -> None:
    killed_at(point, "reprocess", "--lake", lake.root, *WINDOW, log=tmp_path / "hit")
    wait_for_the_lease(lake)
    again = lake_command("reprocess", "--lake", lake.root, *WINDOW)
    assert again.returncode == DONE, again.stderr
    assert state(lake) == undisturbed


@pytest.mark.dbt
def test_what_arrives_is_curated_while_a_reprocess_decodes(lake: Lake, tmp_path: Path) -> None:
    quiet = make_lake(tmp_path / "quiet")
    assert lake_command("reprocess", "--lake", quiet.root, *WINDOW).returncode == DONE
    with stopped_at("reprocess.decoded", "reprocess", "--lake", lake.root, *WINDOW) as stopped:
        for each in (quiet, lake):
            put_day(each, 3)
            put(each, "late", sent("order_placed", "o-0-0", at=MONDAY, order_id="0-2"), at=MONDAY + HOUR)
            assert lake_command("run", "--lake", each.root).returncode == DONE
        assert stopped.go_on().returncode == DONE
    assert state(lake) == state(quiet)


@pytest.mark.dbt
def test_there_is_one_reprocess_at_a_time(lake: Lake, undisturbed: State) -> None:
    profile = lake.root / "lake.toml"
    profile.write_text(
        profile.read_text().replace("lease_seconds = 1\n", "lease_seconds = 600\n"), encoding="utf-8"
    )
    with stopped_at("reprocess.decoded", "reprocess", "--lake", lake.root, *WINDOW) as stopped:
        second = lake_command("reprocess", "--lake", lake.root, *WINDOW)
        assert (second.returncode, "holds the lake" in second.stderr) == (HELD, True)
        assert stopped.go_on().returncode == DONE
    assert state(lake) == undisturbed


@pytest.mark.dbt
def test_an_undo_meanwhile_is_noticed(lake: Lake) -> None:
    with stopped_at("reprocess.decoded", "reprocess", "--lake", lake.root, *WINDOW) as stopped:
        run = answer("status", "--lake", lake.root)["newest_curate"]
        assert lake_command("undo", "--lake", lake.root, run).returncode == DONE
        ended = stopped.go_on()
    assert (ended.returncode, "Run again" in ended.stderr) == (HELD, True)
    assert_conserved(lake)


class Reader(threading.Thread):
    """Asks the newest release over and over whether every order has its payment, and every payment its order."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root
        self.torn: list[object] = []
        self.polls = 0
        self.is_done = False

    def run(self) -> None:
        while not self.is_done:
            lake = Lake.open(self._root)
            with connect(lake, lake.releases.latest()) as connection:
                self.torn += connection.sql(TORN).fetchall()
                self.polls += 1


def busy_while_read(lake: Lake, *, polls: int) -> Reader:
    """Reprocess and run over and over, side by side, while days arrive; until the reader has looked so often."""
    reader = Reader(lake.root)
    reader.start()
    try:
        day = 3
        while reader.is_alive() and (day < 5 or reader.polls < polls):
            if day < 5:
                put_day(lake, day)
            both = [
                subprocess.Popen([*LAKE, verb, "--lake", str(lake.root), *words], env=environment())
                for verb, words in (("reprocess", WINDOW), ("run", ()))
            ]
            assert {each.wait() for each in both} <= {DONE, HELD}
            day += 1
    finally:
        reader.is_done = True
        reader.join()
    return reader


def assert_readers_see_whole_releases(lake: Lake, quiet: Lake, polls: int) -> None:
    reader = busy_while_read(lake, polls=polls)
    for each in (lake, quiet):
        for day in (3, 4):
            put_day(each, day)
        assert lake_command("run", "--lake", each.root).returncode == DONE
        assert lake_command("reprocess", "--lake", each.root, *WINDOW).returncode == DONE
    assert reader.torn == []
    assert reader.polls >= polls
    assert state(lake) == state(quiet)


@pytest.mark.dbt
def test_a_reader_never_sees_part_of_it(lake: Lake, tmp_path: Path) -> None:
    assert_readers_see_whole_releases(lake, make_lake(tmp_path / "quiet"), polls=20)


@pytest.mark.soak
def test_a_reader_who_looks_a_thousand_times_never_sees_part_of_it(lake: Lake, tmp_path: Path) -> None:
    assert_readers_see_whole_releases(lake, make_lake(tmp_path / "quiet"), polls=1000)
