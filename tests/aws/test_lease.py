from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from contracts.errors import HeldError
from lakehouse._dynamodb import DynamoLease
from lakehouse.lake import Lake

LAKE = "s3://bucket/lake"
_TABLES = itertools.count()

NewLease = Callable[..., DynamoLease]


@pytest.fixture
def lease() -> NewLease:
    """Leases in a table of the test's own."""
    table = f"leases-{next(_TABLES)}"
    return lambda seconds=60.0, lake=LAKE: DynamoLease(table, lake, seconds=seconds)


def fall_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nobody renews."""
    monkeypatch.setattr(DynamoLease, "_extend", lambda *_: None)


def test_nobody_holds_a_new_lease(lease: NewLease) -> None:
    assert lease().holder() is None


def test_a_run_holds_the_lease_until_it_ends(lease: NewLease) -> None:
    with lease().hold("one"):
        assert (lease().holder(), lease().is_held_by("one"), lease().is_held_by("two")) == (
            "one",
            True,
            False,
        )
    assert lease().holder() is None


def test_the_second_run_is_told_who_holds_the_lake(lease: NewLease) -> None:
    told = r"Run one \(process \d+ on .+\) holds the lake since .* ends in (60|59|58) s"
    with lease().hold("one"), pytest.raises(HeldError, match=told), lease().hold("two"):
        pass


def test_of_many_runs_one_holds_the_lease(lease: NewLease) -> None:
    lease().holder()
    held, ready = [], threading.Barrier(6)

    def take(name: str) -> None:
        ready.wait()
        try:
            with lease().hold(name):
                held.append(name)
                time.sleep(1)
        except HeldError:
            pass

    threads = [threading.Thread(target=take, args=(f"run-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1


def test_a_silent_run_is_overtaken_and_knows_it(lease: NewLease, monkeypatch: pytest.MonkeyPatch) -> None:
    fall_silent(monkeypatch)
    with lease(0.3).hold("one"):
        time.sleep(0.4)
        assert lease().holder() is None
        with lease().hold("two"):
            assert not lease().is_held_by("one")
            assert lease().holder() == "two"


def test_a_run_that_was_overtaken_does_not_take_the_lease_along(
    lease: NewLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    fall_silent(monkeypatch)
    first = lease(0.3).hold("one")
    first.__enter__()
    time.sleep(0.4)
    with lease().hold("two"):
        first.__exit__(None, None, None)
        assert lease().holder() == "two"


def test_a_run_renews_its_lease(lease: NewLease) -> None:
    with lease(0.8).hold("one"):
        time.sleep(1.2)
        assert lease().holder() == "one"


def test_one_table_serves_many_lakes(lease: NewLease) -> None:
    with lease().hold("one"), lease(lake="s3://bucket/other").hold("two"):
        assert lease().holder() == "one"


def test_the_lease_of_a_lake_on_s3_is_in_dynamodb(lake: Lake) -> None:
    assert isinstance(lake.lease, DynamoLease)
