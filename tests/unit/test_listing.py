from __future__ import annotations

import os
from pathlib import Path

from lakehouse.listing import Listing
from lakehouse.store import FileStore

LONG_AGO = 1_000_000_000


def listing(tmp_path: Path) -> Listing:
    return Listing(tmp_path / "listing.db", FileStore(tmp_path / "raw"))


def found_in(tmp_path: Path) -> list[str]:
    return sorted(folder.name for folder in listing(tmp_path).changed())


def put(tmp_path: Path, folder: str, name: str = "a", *, modified: int | None = None) -> None:
    FileStore(tmp_path / "raw").write(f"{folder}/{name}", b"x")
    if modified is not None:
        os.utime(tmp_path / "raw" / folder, ns=(modified, modified))


def test_every_folder_is_listed_at_first(tmp_path: Path) -> None:
    put(tmp_path, "one")
    put(tmp_path, "two")
    assert found_in(tmp_path) == ["one", "two"]


def test_a_folder_remembered_is_not_listed_until_it_changes(tmp_path: Path) -> None:
    put(tmp_path, "one", modified=LONG_AGO)
    found = listing(tmp_path)
    found.remember(found.changed())
    assert found_in(tmp_path) == []
    put(tmp_path, "one", "b")
    assert found_in(tmp_path) == ["one"]


def test_a_folder_whose_time_went_back_is_listed_too(tmp_path: Path) -> None:
    put(tmp_path, "one", modified=LONG_AGO)
    found = listing(tmp_path)
    found.remember(found.changed())
    os.utime(tmp_path / "raw" / "one", ns=(LONG_AGO - 1, LONG_AGO - 1))
    assert found_in(tmp_path) == ["one"]


def test_a_folder_that_changed_a_moment_ago_is_looked_at_again(tmp_path: Path) -> None:
    put(tmp_path, "one")
    found = listing(tmp_path)
    found.remember(found.changed())
    assert found_in(tmp_path) == ["one"]


def test_what_was_remembered_before_an_undo_is_forgotten_once(tmp_path: Path) -> None:
    put(tmp_path, "one", modified=LONG_AGO)
    found = listing(tmp_path)
    found.remember(found.changed())
    assert [folder.name for folder in found.changed(7)] == ["one"]
    found.remember(found.changed(7))
    assert found.changed(7) == []
