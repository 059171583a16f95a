from __future__ import annotations

import datetime as dt
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import StorageError
from ingestion.event_log import EventLog, Landing

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
HOUR = NOW.replace(minute=0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "deep" / "events.sqlite") as opened:
        yield opened


def landing(first: int, last: int, bus: str = "shop") -> Landing:
    return Landing(f"{bus}/{first}-{last}", bus, HOUR, first, last, last - first + 1)


def test_offsets_run_on_without_gaps(log: EventLog) -> None:
    assert list(log.append([b"a", b"b"], bus="shop", received_at=NOW)) == [1, 2]
    assert list(log.append([b"c"], bus="till", received_at=NOW)) == [3]


def test_an_empty_batch_takes_no_offset(log: EventLog) -> None:
    assert list(log.append([], bus="shop", received_at=NOW)) == []
    assert list(log.append([b"a"], bus="shop", received_at=NOW)) == [1]


def test_records_come_back_byte_by_byte_in_their_order(log: EventLog) -> None:
    records = [
        b"",
        b"\0",
        bytes(range(256)),
        "é☃".encode(),
        b"'; drop table events; --",
        b"[1,2]",
        b"x" * 70_000,
    ]
    log.append(records, bus="shop", received_at=NOW)
    assert log.records(landing(1, len(records))) == records


def test_what_was_appended_is_there_for_another_process(log: EventLog) -> None:
    log.append([b"a", b"b"], bus="shop", received_at=NOW)
    with EventLog(log.path) as other:
        assert len(other) == 2
        assert other.records(landing(1, 2)) == [b"a", b"b"]


def test_the_log_is_durable_by_its_settings(log: EventLog) -> None:
    with sqlite3.connect(log.path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # noqa: SLF001 a setting of the connection
    other.close()


def test_a_landing_holds_only_its_bus_and_hour(log: EventLog) -> None:
    log.append([b"a"], bus="shop", received_at=NOW)
    log.append([b"b"], bus="till", received_at=NOW)
    log.append([b"c"], bus="shop", received_at=NOW + dt.timedelta(hours=1))
    log.append([b"d"], bus="shop", received_at=NOW)
    assert log.records(landing(1, 4)) == [b"a", b"d"]


def test_the_depth_is_from_the_first_that_waits_to_the_last(log: EventLog) -> None:
    assert log.depth() == 0
    log.append([b"a", b"b", b"c"], bus="shop", received_at=NOW)
    assert log.depth() == 3


def test_offsets_are_never_given_twice_though_landed_records_are_gone(log: EventLog) -> None:
    log.append([b"a"], bus="shop", received_at=NOW)
    log.plan(lambda _: [landing(1, 1)])
    log.landed(landing(1, 1))
    log.reclaim()
    assert len(log) == 0
    assert list(log.append([b"b"], bus="shop", received_at=NOW)) == [2]


def test_a_planned_landing_keeps_others_from_being_planned(log: EventLog) -> None:
    log.append([b"a", b"b"], bus="shop", received_at=NOW)
    assert log.plan(lambda _: [landing(1, 1)]) == [landing(1, 1)]
    assert log.plan(lambda _: [landing(1, 2)]) == [landing(1, 1)]
    assert log.planned() == [landing(1, 1)]


def test_reclaim_leaves_no_trace_of_landed_records(log: EventLog) -> None:
    log.append([b"secret" * 2000] * 50, bus="shop", received_at=NOW)
    log.plan(lambda _: [landing(1, 50)])
    log.landed(landing(1, 50))
    log.reclaim()
    files = [path.read_bytes() for path in log.path.parent.iterdir()]
    assert not any(b"secret" in data for data in files)


def test_a_full_disk_refuses_the_whole_batch(log: EventLog) -> None:
    log.append([b"a"], bus="shop", received_at=NOW)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StorageError, match="Free space"):
            log.append([b"x" * 1000] * 1000, bus="shop", received_at=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(log) == 1
    assert len(log.append([b"x" * 1000] * 1000, bus="shop", received_at=NOW)) == 1000


def test_a_log_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="permissions"):
        EventLog(tmp_path / "file" / "events.sqlite")


def test_a_read_only_log_is_a_storage_error(log: EventLog) -> None:
    log._connection.execute("PRAGMA query_only = ON")  # noqa: SLF001 root may write to read-only files
    with pytest.raises(StorageError, match="readonly"):
        log.append([b"a"], bus="shop", received_at=NOW)


def test_a_file_that_is_no_log_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"something else" * 100)
    with pytest.raises(StorageError, match="not a database"):
        EventLog(tmp_path / "events.sqlite")
