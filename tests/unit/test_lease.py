from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from contracts.errors import HeldError, StorageError
from lakehouse.lease import Lease
from lakehouse.records import FileRecords
from tests.leases import holders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lease"


@pytest.fixture
def lease(folder: Path) -> Lease:
    return lease_in(folder)


def lease_in(folder: Path, seconds: float = 60) -> Lease:
    return Lease(FileRecords(folder), seconds=seconds)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def fall_silent(folder: Path) -> None:
    """As if the holder had not renewed for longer than its lease."""
    last = max(folder.glob("*.json"))
    last.write_bytes(msgspec.json.encode(msgspec.json.decode(last.read_bytes()) | {"until": time.time() - 1}))


def test_nobody_holds_a_new_lease(lease: Lease) -> None:
    assert lease.holder() is None


def test_a_run_holds_the_lease_until_it_ends(lease: Lease) -> None:
    with lease.hold("one"):
        assert (lease.holder(), lease.is_held_by("one"), lease.is_held_by("two")) == ("one", True, False)
    assert lease.holder() is None


def test_a_run_that_fails_lets_go(lease: Lease) -> None:
    with pytest.raises(RuntimeError, match="lost"), lease.hold("one"):
        raise RuntimeError("lost")
    assert lease.holder() is None


def test_the_second_run_is_told_who_holds_the_lake_since_when_and_for_how_long(folder: Path) -> None:
    told = r"Run one \(process \d+ on .+\) holds the lake since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\. .* ends in (60|59) s"
    with lease_in(folder).hold("one"):
        with pytest.raises(HeldError, match=told) as caught, lease_in(folder).hold("two"):
            pass
        assert lease_in(folder).holder() == "one"
    assert caught.value.exit_code == 3


def test_of_many_runs_one_holds_the_lease(folder: Path) -> None:
    assert len(holders(lambda: lease_in(folder), runs=8, seconds=0.5)) == 1


def test_of_two_that_ask_at_one_moment_the_later_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = lease_in(folder)
    looks = iter([late._last()])  # noqa: SLF001 what it saw before the other took the lease
    look = late._last  # noqa: SLF001 as above
    monkeypatch.setattr(late, "_last", lambda: next(looks, None) or look())
    with lease_in(folder).hold("one"):
        with pytest.raises(HeldError, match="Run one"), late.hold("two"):
            pass
        assert lease_in(folder).holder() == "one"


def test_a_silent_run_is_overtaken_and_knows_it(lease: Lease, folder: Path) -> None:
    with lease.hold("one"):
        fall_silent(folder)
        with lease.hold("two"):
            assert (lease.is_held_by("one"), lease.holder()) == (False, "two")
        assert not lease.is_held_by("one")


def test_a_run_that_was_overtaken_does_not_take_the_lease_along(lease: Lease, folder: Path) -> None:
    first = lease.hold("one")
    first.__enter__()
    fall_silent(folder)
    with lease.hold("two"):
        first.__exit__(None, None, None)
        assert lease.holder() == "two"


def test_a_run_that_was_stopped_in_the_middle_of_renewing_is_overtaken_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, goes_on = threading.Event(), threading.Event()
    write = FileRecords.write

    def stopping(self: FileRecords, name: str, data: bytes, *, exclusive: bool = False) -> None:
        if not exclusive and b'"one"' in data and not stopped.is_set():
            stopped.set()
            goes_on.wait(10)
        write(self, name, data, exclusive=exclusive)

    monkeypatch.setattr(FileRecords, "write", stopping)
    first = lease_in(folder, 0.2).hold("one")
    first.__enter__()
    assert stopped.wait(10)
    fall_silent(folder)
    with lease_in(folder).hold("two"):
        goes_on.set()
        first.__exit__(None, None, None)
        assert lease_in(folder).holder() == "two"
    assert lease_in(folder).holder() is None


def test_a_run_renews_its_lease(folder: Path) -> None:
    with lease_in(folder, 0.8).hold("one"):
        began = time.monotonic()
        assert eventually(lambda: time.monotonic() - began > 1.2)
        assert lease_in(folder).holder() == "one"


def test_a_lease_that_is_let_go_while_another_run_asks_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lease_in(folder).hold("one")
    first.__enter__()
    put = Lease._put  # noqa: SLF001 the moment between its two looks is meant

    def letting_go(self: Lease, *wanted: object) -> None:
        put(self, *wanted)  # type: ignore[arg-type]
        monkeypatch.setattr(Lease, "_put", put)
        first.__exit__(None, None, None)

    monkeypatch.setattr(Lease, "_put", letting_go)
    with lease_in(folder).hold("two"):
        assert lease_in(folder).holder() == "two"


def test_takings_leave_one_record(lease: Lease, folder: Path) -> None:
    for name in ("one", "two", "three"):
        with lease.hold(name):
            pass
    assert [path.name for path in folder.iterdir()] == ["000000000003.json"]


def test_a_lease_that_cannot_be_kept_says_what_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"Move it, then run again|mend permissions"),
        lease_in(tmp_path / "file").hold("one"),
    ):
        pass
