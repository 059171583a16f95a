from __future__ import annotations

import datetime as dt
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import ConservationError, StorageError
from ingestion.event_log import EventLog, Landing
from ingestion.lander import land
from lakehouse.failpoints import FAILPOINTS, reach
from lakehouse.store import FileStore

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
HOUR = "bus=shop/ingest_date=2026-03-01/ingest_hour=12/"
REPOSITORY = Path(__file__).parents[2]
LAND = """
import datetime as dt, sys
from pathlib import Path
from ingestion.event_log import EventLog
from ingestion.lander import land
from lakehouse.store import FileStore
land(EventLog(Path(sys.argv[1])), FileStore(Path(sys.argv[2])), now=dt.datetime.now(dt.UTC), max_records=3)
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "events.sqlite") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "raw")


def objects(store: FileStore) -> dict[str, list[bytes]]:
    return {name: gzip.decompress(store.read(name)).splitlines() for name in sorted(store.names())}


def fill(log: EventLog, count: int, *, bus: str = "shop", at: dt.datetime = NOW) -> list[bytes]:
    records = [b'{"n":%d}' % n for n in range(count)]
    log.append(records, bus=bus, received_at=at)
    return records


def test_objects_are_named_by_their_offsets(log: EventLog, store: FileStore) -> None:
    records = fill(log, 4)
    (landed,) = land(log, store, now=NOW)
    assert landed.raw_object == f"{HOUR}events-000000000001-000000000004.json.gz"
    assert (landed.records, landed.size) == (4, 32)
    assert objects(store) == {landed.raw_object: records}


def test_objects_are_apart_by_bus_and_arrival_hour(log: EventLog, store: FileStore) -> None:
    fill(log, 1)
    fill(log, 1, bus="till")
    fill(log, 1, at=NOW + dt.timedelta(hours=1))
    fill(log, 1)
    assert [each.raw_object for each in land(log, store, now=NOW)] == [
        f"{HOUR}events-000000000001-000000000004.json.gz",
        "bus=till/ingest_date=2026-03-01/ingest_hour=12/events-000000000002-000000000002.json.gz",
        "bus=shop/ingest_date=2026-03-01/ingest_hour=13/events-000000000003-000000000003.json.gz",
    ]


@pytest.mark.parametrize(("max_records", "max_bytes"), [(3, 1000), (1000, 20)])
def test_a_full_object_is_closed(log: EventLog, store: FileStore, max_records: int, max_bytes: int) -> None:
    fill(log, 7)
    landed = land(log, store, now=NOW, max_records=max_records, max_bytes=max_bytes)
    assert [each.records for each in landed] == [3, 3, 1]


def test_without_flush_only_full_objects_land(log: EventLog, store: FileStore) -> None:
    fill(log, 7)
    assert [each.records for each in land(log, store, now=NOW, flush=False, max_records=3)] == [3, 3]
    assert len(log) == 1


def test_without_flush_old_objects_land(log: EventLog, store: FileStore) -> None:
    fill(log, 2)
    later = NOW + dt.timedelta(minutes=5)
    assert land(log, store, now=later - dt.timedelta(seconds=1), flush=False) == []
    assert [each.records for each in land(log, store, now=later, flush=False)] == [2]


def test_landing_again_lands_nothing(log: EventLog, store: FileStore) -> None:
    fill(log, 2)
    land(log, store, now=NOW)
    before = objects(store)
    assert land(log, store, now=NOW) == []
    assert objects(store) == before


def test_bytes_follow_from_the_records(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        with EventLog(tmp_path / name / "events.sqlite") as log:
            fill(log, 100)
            store = FileStore(tmp_path / name)
            (landed,) = land(log, store, now=NOW)
            written.append(store.read(landed.raw_object))
    assert written[0] == written[1]


@pytest.mark.parametrize("point", ["land.planned", "land.planned:2", "land.written", "land.written:3"])
def test_a_killed_lander_is_finished_exactly_once(
    log: EventLog, store: FileStore, tmp_path: Path, point: str
) -> None:
    records = fill(log, 7)
    hits = tmp_path / "hits"
    env = {
        **os.environ,
        "LAKE_FAILPOINT": point,
        "LAKE_FAILPOINT_LOG": str(hits),
        "PYTHONPATH": str(REPOSITORY),
    }
    killed = subprocess.run(
        [sys.executable, "-c", LAND, str(log.path), str(store.root)], env=env, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert hits.read_text() == point.partition(":")[0] + "\n"
    fill(log, 2)  # what arrives between does not change what was planned
    land(log, store, now=NOW)
    found = objects(store)
    assert list(found)[:3] == [
        f"{HOUR}events-{first:012d}-{last:012d}.json.gz" for first, last in ((1, 3), (4, 6), (7, 7))
    ]
    assert [record for each in found.values() for record in each] == [*records, *records[:2]]
    assert len(log) == 0


def test_a_store_that_cannot_be_written_loses_nothing(log: EventLog, store: FileStore) -> None:
    fill(log, 2)
    in_the_way = store.root / f"{HOUR}events-000000000001-000000000002.json.gz"
    in_the_way.mkdir(parents=True)
    with pytest.raises(StorageError):
        land(log, store, now=NOW)
    in_the_way.rmdir()
    assert [each.records for each in land(log, store, now=NOW)] == [2]


def test_a_landing_that_another_lander_finished_is_left_alone(
    log: EventLog, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 2)
    land(log, store, now=NOW)
    done = Landing(f"{HOUR}events-000000000001-000000000002.json.gz", "shop", NOW.replace(minute=0), 1, 2, 2)
    before = objects(store)
    monkeypatch.setattr(log, "planned", lambda: [done])
    assert land(log, store, now=NOW) == []
    assert objects(store) == before


def test_records_that_went_missing_are_a_defect(log: EventLog, store: FileStore) -> None:
    fill(log, 2)
    log.plan(lambda _: [Landing(f"{HOUR}x", "shop", NOW.replace(minute=0), 1, 2, 3)])
    with pytest.raises(ConservationError, match="holds 2"):
        land(log, store, now=NOW)
    assert objects(store) == {}


def test_every_failpoint_has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in FAILPOINTS.values())


def test_a_failpoint_that_is_not_registered_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="registry"):
        reach("land.nowhere")


def test_a_failpoint_may_stop_the_process_instead() -> None:
    env = {
        **os.environ,
        "LAKE_FAILPOINT": "build.built",
        "LAKE_FAILPOINT_SIGNAL": "STOP",
        "PYTHONPATH": str(REPOSITORY),
    }
    code = "from lakehouse.failpoints import reach; reach('curate.planned'); reach('build.built'); print('went on')"
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.communicate()[0] == b"went on\n"
