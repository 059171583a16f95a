from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
from conftest import BUCKET

from contracts.errors import HeldError
from lakehouse._s3 import Prefix, S3Records
from lakehouse.lake import Lake
from lakehouse.lease import Lease
from tests.leases import holders

_LEASES = itertools.count()

NewLease = Callable[..., Lease]


@pytest.fixture
def lease() -> NewLease:
    """Leases under a prefix of the test's own."""
    place = Prefix(BUCKET, f"leases/{next(_LEASES)}")
    return lambda seconds=60.0: Lease(S3Records(place), seconds=seconds)


def fall_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nobody renews."""
    monkeypatch.setattr(Lease, "_extend", lambda *_: None)


def test_a_run_holds_the_lease_until_it_ends(lease: NewLease) -> None:
    assert lease().holder() is None
    with lease().hold("one"):
        assert (lease().holder(), lease().is_held_by("one"), lease().is_held_by("two")) == (
            "one",
            True,
            False,
        )
        told = r"Run one \(process \d+ on .+\) holds the lake since .* ends in (60|59|58) s"
        with pytest.raises(HeldError, match=told), lease().hold("two"):
            pass
    assert lease().holder() is None


def test_of_many_runs_one_holds_the_lease(lease: NewLease) -> None:
    assert len(holders(lease, runs=6, seconds=1)) == 1


def test_a_silent_run_is_overtaken_and_knows_it(lease: NewLease, monkeypatch: pytest.MonkeyPatch) -> None:
    fall_silent(monkeypatch)
    with lease(0.3).hold("one"):
        time.sleep(0.4)
        assert lease().holder() is None
        with lease().hold("two"):
            assert not lease().is_held_by("one")
            assert lease().holder() == "two"


def test_a_run_renews_its_lease(lease: NewLease) -> None:
    with lease(0.8).hold("one"):
        time.sleep(1.2)
        assert lease().holder() == "one"


def test_the_lease_of_a_lake_on_s3_is_there(lake: Lake) -> None:
    with lake.lease.hold("one"):
        (name,) = [name for name, _ in Prefix.of(f"{lake.profile.store}/lease").listed()]
    assert name == "000000000001.json"
