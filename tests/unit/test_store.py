from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from contracts.errors import StorageError
from lakehouse.store import FileStore, write_whole

OLD = "bus=commerce/ingest_date=2020-01-01/ingest_hour=00"
NEW = "bus=commerce/ingest_date=2026-11-01/ingest_hour=09"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "raw")


def files_below(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def sizes(store: FileStore, remembered: dict[str, int] | None = None) -> dict[str, dict[str, int]]:
    return {folder.name: folder.objects for folder in store.changed(remembered or {})}


def marks(store: FileStore) -> dict[str, int]:
    return {folder.name: folder.mark for folder in store.changed({})}


def test_an_object_is_read_as_it_was_written(store: FileStore) -> None:
    store.write(f"{NEW}/a.json.gz", b"\x00bytes")
    assert store.read(f"{NEW}/a.json.gz") == b"\x00bytes"
    assert sizes(store) == {NEW: {f"{NEW}/a.json.gz": 6}}
    assert files_below(store.root) == ["a.json.gz"]


def test_a_store_that_does_not_exist_has_no_objects(store: FileStore) -> None:
    assert (list(store.names()), sizes(store)) == ([], {})


def test_every_object_is_listed_once_by_its_path(store: FileStore) -> None:
    names = [f"{OLD}/a.json.gz", f"{NEW}/a.json.gz", f"{NEW}/b.json.gz", "odd.json.gz"]
    for name in names:
        store.write(name, b"x")
    assert sorted(sizes(store)) == [".", OLD, NEW]
    assert sorted(name for objects in sizes(store).values() for name in objects) == sorted(names)
    assert sorted(store.names()) == sorted(names)


def test_the_mark_of_an_old_folder_is_another_when_an_object_appears_in_it(store: FileStore) -> None:
    for folder in (OLD, NEW):
        store.write(f"{folder}/a.json.gz", b"x")
        os.utime(store.root / folder, (1000.0, 1000.0))
    before = marks(store)
    store.write(f"{OLD}/late.json.gz", b"x")
    assert sizes(store, before) == {OLD: {f"{OLD}/a.json.gz": 1, f"{OLD}/late.json.gz": 1}}


def test_a_mark_of_a_moment_ago_is_not_to_be_relied_on(store: FileStore) -> None:
    store.write(f"{OLD}/a.json.gz", b"x")
    assert marks(store) == {OLD: 0}
    os.utime(store.root / OLD, (1000.0, 1000.0))
    assert marks(store) == {OLD: 1_000_000_000_000}


def test_a_file_that_is_being_written_is_not_listed(store: FileStore) -> None:
    store.write(f"{NEW}/a.json.gz", b"x")
    (store.root / NEW / ".b.json.gz.1.tmp").write_bytes(b"half")
    assert list(store.names()) == [f"{NEW}/a.json.gz"]
    assert sizes(store) == {NEW: {f"{NEW}/a.json.gz": 1}}


def test_an_object_is_written_again_with_the_same_bytes_only(store: FileStore) -> None:
    for _ in range(2):
        store.write(f"{NEW}/a.json.gz", b"first")
    with pytest.raises(StorageError, match="is there already with other bytes, and raw is immutable"):
        store.write(f"{NEW}/a.json.gz", b"second")
    assert store.read(f"{NEW}/a.json.gz") == b"first"


def test_an_object_that_is_gone_says_what_to_do(store: FileStore) -> None:
    with pytest.raises(StorageError, match=rf"Raw object {NEW}/gone.json.gz cannot be read .* restore it"):
        store.read(f"{NEW}/gone.json.gz")


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("before", [b"before", None])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None, *, exclusive: bool
) -> None:
    path = tmp_path / "folder" / "file"
    if before is not None:
        write_whole(path, before)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_whole(path, b"after", exclusive=exclusive)
    assert files_below(tmp_path) == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before


def test_bytes_are_on_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen, sync = tmp_path / "file", [], os.fsync

    def watching(handle: int) -> None:
        seen.append(path.exists())
        sync(handle)

    monkeypatch.setattr(os, "fsync", watching)
    write_whole(path, b"x")
    assert seen == [False, True]  # the file's bytes, then the folder with its name


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, done = tmp_path / "file", threading.Event()
    whole = [letter * 200_000 for letter in (b"a", b"b")]
    write_whole(path, whole[0])
    seen: list[bytes] = []

    def read() -> None:
        while not done.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        write_whole(path, whole[turn % 2])
    done.set()
    reader.join()
    assert seen
    assert set(seen) <= set(whole)


def test_an_exclusive_write_is_refused_where_a_file_is(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"first", exclusive=True)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file", b"second", exclusive=True)
    assert (tmp_path / "file").read_bytes() == b"first"
    assert files_below(tmp_path) == ["file"]
