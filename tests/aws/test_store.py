from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from contracts.errors import StorageError
from lakehouse import _s3
from lakehouse._aws import client
from lakehouse._s3 import S3Store
from lakehouse.lake import Lake

OLD = "bus=commerce/ingest_date=2020-01-01/ingest_hour=00"
NEW = "bus=commerce/ingest_date=2026-11-01/ingest_hour=09"


@pytest.fixture
def store(lake: Lake) -> S3Store:
    found = lake.store
    assert isinstance(found, S3Store)
    return found


def at_one_moment(count: int, write: Callable[[int], bool]) -> list[bool]:
    """What each of many writers was told, all of which began together."""
    ready = threading.Barrier(count)

    def writing(number: int) -> bool:
        ready.wait()
        return write(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(writing, range(count)))


def marks(store: S3Store) -> dict[str, int]:
    return {folder.name: folder.mark for folder in store.changed({})}


def test_an_object_is_read_as_it_was_written_also_by_a_store_that_was_sent_elsewhere(store: S3Store) -> None:
    store.write(f"{NEW}/a b.json.gz", b"\x00bytes")
    assert pickle.loads(pickle.dumps(store)).read(f"{NEW}/a b.json.gz") == b"\x00bytes"


def test_an_object_is_written_again_with_the_same_bytes_only(store: S3Store) -> None:
    for _ in range(2):
        store.write(f"{NEW}/a.json.gz", b"first")
    with pytest.raises(StorageError, match="is there already with other bytes, and raw is immutable"):
        store.write(f"{NEW}/a.json.gz", b"second")
    assert store.read(f"{NEW}/a.json.gz") == b"first"


def test_of_many_writers_of_one_name_one_wins(store: S3Store) -> None:
    def write(number: int) -> bool:
        try:
            store.write(f"{NEW}/a.json.gz", b"%d" % number)
        except StorageError:
            return False
        return True

    won = at_one_moment(8, write)
    assert won.count(True) == 1
    assert store.read(f"{NEW}/a.json.gz") == b"%d" % won.index(True)


def test_a_write_that_collides_is_tried_again(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_s3, "time", type("", (), {"sleep": staticmethod(lambda _: None)}))
    put, told = client("s3").put_object, [409, 409, 200]

    def colliding(**arguments: object) -> object:
        if told.pop(0) == 409:
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")
        return put(**arguments)

    monkeypatch.setattr(client("s3"), "put_object", colliding)
    store.write(f"{NEW}/a.json.gz", b"x")
    assert (told, store.read(f"{NEW}/a.json.gz")) == ([], b"x")


def test_an_object_that_is_gone_says_what_to_do(store: S3Store) -> None:
    with pytest.raises(StorageError, match=rf"Raw object {NEW}/gone.json.gz cannot be read .* restore it"):
        store.read(f"{NEW}/gone.json.gz")


def test_a_store_without_objects_has_no_folders(store: S3Store) -> None:
    assert (list(store.names()), marks(store)) == ([], {})


def test_every_object_is_listed_once_with_its_size(store: S3Store) -> None:
    names = [f"{OLD}/a.json.gz", f"{NEW}/a.json.gz", f"{NEW}/b.json.gz", "odd.json.gz"]
    for name in names:
        store.write(name, b"xy")
    store.prefix.put(f"{NEW}/.hidden", b"")
    store.prefix.put(f"{NEW}/marker/", b"")
    assert sorted(store.names()) == sorted(names)
    found = {folder.name: folder.objects for folder in store.changed({})}
    assert found == {
        ".": {"odd.json.gz": 2},
        OLD: {f"{OLD}/a.json.gz": 2},
        NEW: {f"{NEW}/a.json.gz": 2, f"{NEW}/b.json.gz": 2},
    }


def test_only_the_folder_in_which_an_object_appeared_has_another_mark(store: S3Store) -> None:
    for folder in (OLD, NEW):
        store.write(f"{folder}/a.json.gz", b"x")
    before = marks(store)
    assert list(store.changed(before)) == []
    store.write(f"{OLD}/late.json.gz", b"x")
    assert [folder.name for folder in store.changed(before)] == [OLD]


def test_an_object_between_others_is_not_hidden_by_a_folder_between_them(store: S3Store) -> None:
    for name in ("a/1", "a/2/x", "a/3"):
        store.write(name, b"x")
    remembered = marks(store)
    store.write("a/4", b"x")
    assert "a/4" in {name for folder in store.changed(remembered) for name in folder.objects}
