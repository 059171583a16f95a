from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import StorageError
from lakehouse import releases
from lakehouse.records import FileRecords
from lakehouse.releases import Release, Releases


@pytest.fixture
def records(tmp_path: Path) -> FileRecords:
    return FileRecords(tmp_path / "records")


class Counting(FileRecords):
    """Records that count how often they were listed, and list as an object store does."""

    asked: list[str] = []  # noqa: RUF012 one test at a time

    def names(self, *, after: str = "", most: int | None = None) -> list[str]:
        self.asked.append(after)
        return super().names(after=after, most=most)


def test_a_record_is_read_as_it_was_written_last(records: FileRecords) -> None:
    for data in (b"{}", b"[]"):
        records.write("one", data)
    assert (records.read("one"), records.read("other")) == (b"[]", None)


def test_records_are_named_in_order_and_those_below_are_not_among_them(records: FileRecords) -> None:
    for name in ("b", "a", "c"):
        records.write(name, b"{}")
    records.below("a").write("z", b"{}")
    (records.folder / ".d.json.1.tmp").write_bytes(b"half")
    (records.folder / "notes.txt").write_bytes(b"")
    assert records.names() == ["a", "b", "c"]
    assert records.names(after="a") == ["b", "c"]
    assert records.names(after="a", most=1) == ["b"]
    assert records.below("a").names() == ["z"]


def test_records_that_nobody_wrote_have_no_names(records: FileRecords) -> None:
    assert records.names() == []


def test_a_record_that_is_deleted_is_gone_and_may_be_deleted_again(records: FileRecords) -> None:
    records.write("one", b"{}")
    for _ in range(2):
        records.delete("one")
    assert records.names() == []


def test_an_exclusive_write_is_refused_where_a_record_is(records: FileRecords) -> None:
    records.write("one", b"mine", exclusive=True)
    with pytest.raises(FileExistsError):
        records.write("one", b"another's", exclusive=True)
    assert records.read("one") == b"mine"


def test_a_record_that_cannot_be_written_says_what_to_mend(records: FileRecords) -> None:
    records.folder.write_bytes(b"in the way")
    with pytest.raises(StorageError, match="then run again"):
        records.write("one", b"{}")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 50, 99])
def test_the_newest_of_any_number_is_found_in_few_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(releases, "_PAGE", 3)
    monkeypatch.setattr(Counting, "asked", [])
    for number in range(1, count + 1):
        FileRecords(tmp_path).write(f"{number:010d}", _release(number))
    found = Releases(Counting(tmp_path)).latest()
    assert found is not None
    assert found.number == count
    assert len(Counting.asked) <= 16


def _release(number: int) -> bytes:
    made = Release(number=number, run_id="r", verb="curate", created_at="")
    return releases.msgspec.json.encode(made)
