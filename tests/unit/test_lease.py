from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import HeldError, StorageError
from lakehouse.lease import FileLease


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lease.db"


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def fall_silent(path: Path, run_id: str) -> None:
    """As if the holder had not renewed for longer than its lease."""
    with sqlite3.connect(path) as connection:
        connection.execute("update lease set until = ? where run_id = ?", (time.time() - 1, run_id))
    connection.close()


def test_nobody_holds_a_new_lease(path: Path) -> None:
    assert FileLease(path, seconds=60).holder() is None


def test_a_run_holds_the_lease_until_it_ends(path: Path) -> None:
    lease = FileLease(path, seconds=60)
    with lease.hold("one"):
        assert (lease.holder(), lease.is_held_by("one"), lease.is_held_by("two")) == ("one", True, False)
    assert lease.holder() is None


def test_a_run_that_fails_lets_go(path: Path) -> None:
    lease = FileLease(path, seconds=60)
    with pytest.raises(RuntimeError, match="lost"), lease.hold("one"):
        raise RuntimeError("lost")
    assert lease.holder() is None


def test_the_second_run_is_told_who_holds_the_lake_since_when_and_for_how_long(path: Path) -> None:
    told = r"Run one \(process \d+ on .+\) holds the lake since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\. .* ends in (60|59) s"
    with FileLease(path, seconds=60).hold("one"):
        with pytest.raises(HeldError, match=told) as caught, FileLease(path, seconds=60).hold("two"):
            pass
        assert FileLease(path, seconds=60).holder() == "one"
    assert caught.value.exit_code == 3


def test_a_silent_run_is_overtaken_and_knows_it(path: Path) -> None:
    lease = FileLease(path, seconds=60)
    with lease.hold("one"):
        fall_silent(path, "one")
        with lease.hold("two"):
            assert (lease.is_held_by("one"), lease.holder()) == (False, "two")
        assert not lease.is_held_by("one")


def test_a_run_that_was_overtaken_does_not_take_the_lease_along(path: Path) -> None:
    lease = FileLease(path, seconds=60)
    first = lease.hold("one")
    first.__enter__()
    fall_silent(path, "one")
    with lease.hold("two"):
        first.__exit__(None, None, None)
        assert lease.holder() == "two"


def test_a_run_renews_its_lease(path: Path) -> None:
    lease = FileLease(path, seconds=0.8)
    with lease.hold("one"):
        began = time.monotonic()
        assert eventually(lambda: time.monotonic() - began > 1.2)
        assert lease.is_held_by("one")


def test_a_lease_that_is_let_go_while_another_run_asks_is_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = FileLease(path, seconds=60)
    first = lease.hold("one")
    first.__enter__()
    execute = lease._execute  # noqa: SLF001 the moment between its two statements is meant

    def letting_go(sql: str, values: Any) -> Any:
        found = execute(sql, values)
        if "insert" in sql:
            execute("delete from lease where run_id = 'one'", ())
        return found

    monkeypatch.setattr(lease, "_execute", letting_go)
    with lease.hold("two"):
        assert lease.holder() == "two"


def test_a_lease_that_cannot_be_kept_says_what_to_mend(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Free space or mend permissions"):
        FileLease(tmp_path / "nowhere" / "lease.db", seconds=60).holder()
