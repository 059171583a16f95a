from __future__ import annotations

import pytest
from conftest import BUCKET
from test_store import at_one_moment

from contracts.errors import HeldError
from lakehouse._aws import client
from lakehouse._s3 import Prefix, S3Records
from lakehouse.lake import Lake
from lakehouse.releases import Release


@pytest.fixture
def records(lake: Lake) -> S3Records:
    return S3Records(Prefix.of(lake.profile.store).below("records"))


def release(number: int, run_id: str) -> Release:
    return Release(number=number, run_id=run_id, verb="curate", created_at="")


def test_a_record_is_read_as_it_was_written_last(records: S3Records) -> None:
    for data in (b"{}", b"[]"):
        records.write("one", data)
    assert records.read("one") == b"[]"
    assert records.read("other") is None


def test_records_are_named_in_order_and_those_below_are_not_among_them(records: S3Records) -> None:
    for name in ("b", "a", "c"):
        records.write(name, b"{}")
    records.below("a").write("z", b"{}")
    assert records.names() == ["a", "b", "c"]
    assert records.names(after="a") == ["b", "c"]
    assert records.names(after="a", most=1) == ["b"]
    assert records.below("a").names() == ["z"]


def test_a_record_that_is_deleted_is_gone_and_may_be_deleted_again(records: S3Records) -> None:
    records.write("one", b"{}")
    for _ in range(2):
        records.delete("one")
    assert (records.names(), records.read("one")) == ([], None)


def test_an_exclusive_write_is_refused_where_anothers_record_is(records: S3Records) -> None:
    records.write("one", b"mine", exclusive=True)
    with pytest.raises(FileExistsError):
        records.write("one", b"another's", exclusive=True)
    assert records.read("one") == b"mine"


def test_a_write_whose_answer_was_lost_is_known_as_our_own(
    records: S3Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = client("s3").put_object

    def answering_late(**arguments: object) -> object:
        put(**arguments)
        return put(**arguments)

    monkeypatch.setattr(client("s3"), "put_object", answering_late)
    records.write("one", b"mine", exclusive=True)
    assert records.read("one") == b"mine"


def test_of_many_runs_one_claims_a_number(lake: Lake) -> None:
    def claim(number: int) -> bool:
        try:
            Lake.open(lake.root).releases.claim(release(1, f"run-{number}"))
        except HeldError:
            return False
        return True

    won = at_one_moment(8, claim)
    assert won.count(True) == 1
    unfinished = lake.releases.unfinished()
    assert unfinished is not None
    assert unfinished.run_id == f"run-{won.index(True)}"


def test_the_latest_of_many_releases_is_found_without_listing_them_all(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.releases._PAGE", 3)
    for number in range(1, 31):
        lake.releases.complete(release(number, "r"))
    asked = []
    client("s3").meta.events.register("before-call.s3.ListObjectsV2", lambda **_: asked.append(1))
    found = lake.releases.latest()
    assert found is not None
    assert found.number == 30
    assert 2 < len(asked) < 10


def test_two_lakes_in_one_bucket_know_nothing_of_each_other(lake: Lake) -> None:
    lake.releases.complete(release(1, "r"))
    assert S3Records(Prefix(BUCKET, "lakes")).names() == []
