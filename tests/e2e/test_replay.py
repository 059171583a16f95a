"""Events sent again: each curated one once, in the order in which they happened, marked, and otherwise as raw holds it."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, WRONG_USE, killed_at, lake_command
from holdings import assert_conserved, curated_tables, holdings
from records import DECLARATIONS, HOUR, event, line, put_raw, valid_samples
from test_sources import SOURCES, ingested

from contracts.errors import StorageError, UsageError
from examples.back_in_stock.consumer import is_replayed
from ingestion.bus import Bus
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from pipeline.curate import curate
from pipeline.replay import Reached, Span, plan_replay, replay
from pipeline.replay_targets import BusTarget, FileTarget
from tests.unit.fake_bus import Answer, FakeBus, answered

NOW = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
LATER = "bus=commerce/ingest_date=2026-12-01/ingest_hour=09"
DAY = dt.datetime(2026, 11, 1)  # noqa: DTZ001 as in tables
EVERYTHING = Span(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), tuple(DECLARATIONS.events))  # noqa: DTZ001


def viewed(number: int, minute: int, **metadata: Any) -> dict[str, Any]:
    """A page view at a minute after nine."""
    made = event(event_id=f"e-{number}")
    made["detail"]["metadata"] |= {"occurred_at": f"2026-11-01T09:{minute:02}:00Z", **metadata}
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0})


def sent_again(lake: Lake, path: Path, span: Span = EVERYTHING) -> list[dict[str, Any]]:
    with FileTarget(path) as target:
        replay(lake, span, target, "again", clock=lambda: NOW)
    return [json.loads(text) for text in path.read_text().splitlines()]


def without_marks(record: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps({**record, "id": None}))
    made["detail"].get("metadata", {}).pop("replay", None)
    return made


def test_events_come_in_the_order_in_which_they_happened_each_once_and_marked(
    lake: Lake, tmp_path: Path
) -> None:
    put_raw(lake, "b", viewed(1, 30), viewed(2, 10), viewed(3, 20))
    put_raw(lake, "a", viewed(4, 25), viewed(2, 10), event(event_id="broken", page_url=7))
    curate(lake)
    found = sent_again(lake, tmp_path / "again.ndjson")
    assert [each["detail"]["metadata"]["event_id"] for each in found] == ["e-2", "e-3", "e-4", "e-1"]
    assert all(is_replayed(each) for each in found)
    assert found[0]["detail"]["metadata"]["replay"] == {
        "replay_id": "again",
        "replayed_at": "2026-11-03T00:00:00Z",
    }
    assert len({each["id"] for each in found}) == 4
    assert without_marks(found[0]) == without_marks(viewed(2, 10))


def test_a_span_holds_its_first_moment_and_not_its_last_and_only_its_types(
    lake: Lake, tmp_path: Path
) -> None:
    put_raw(lake, "a", viewed(1, 10), viewed(2, 20), viewed(3, 30), event("stock_received", "s-1"))
    curate(lake)
    span = Span(DAY.replace(hour=9, minute=10), DAY.replace(hour=9, minute=30), ("page_viewed",))
    assert plan_replay(lake, span).events == {"page_viewed": 2}
    found = sent_again(lake, tmp_path / "again.ndjson", span)
    assert [each["detail"]["metadata"]["event_id"] for each in found] == ["e-1", "e-2"]


def test_numbers_and_unknown_fields_go_as_they_were_written(lake: Lake, tmp_path: Path) -> None:
    record = line(event(event_id="e-1")).replace(
        b'"page_type"', b'"note": [1.10, 1e2, 12345678901234567890123], "page_type"'
    )
    lake.store.write(f"{HOUR}/a.json.gz", gzip.compress(record))
    curate(lake)
    sent_again(lake, tmp_path / "again.ndjson")
    assert b"[1.10, 1e2, 12345678901234567890123]" in (tmp_path / "again.ndjson").read_bytes()


def test_what_comes_back_to_raw_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    versions = [version for each in DECLARATIONS.events.values() for version in each.versions]
    put_raw(lake, "a", *(next(iter(valid_samples(version))) for version in versions))
    curate(lake)
    before = holdings(lake)
    found = sent_again(lake, tmp_path / "again.ndjson")
    assert len(found) == sum(len(rows) for table, rows in before.items() if table in curated_tables(lake))
    lake.store.write(f"{LATER}/back.json.gz", gzip.compress((tmp_path / "again.ndjson").read_bytes()))
    curate(lake)
    assert_conserved(lake)
    assert holdings(lake) == before


@pytest.mark.parametrize("name", ["shopify", "debezium", "wms"])
def test_documents_of_a_source_that_come_back_add_nothing(name: str, lake: Lake, tmp_path: Path) -> None:
    ingested(lake, SOURCES[name])
    curate(lake)
    before = holdings(lake)
    assert sent_again(lake, tmp_path / "again.ndjson")
    lake.store.write(f"{LATER}/back.json.gz", gzip.compress((tmp_path / "again.ndjson").read_bytes()))
    curate(lake)
    assert_conserved(lake)
    assert holdings(lake) == before


def onto(answers: Sequence[Answer] = ()) -> tuple[FakeBus, BusTarget]:
    bus = FakeBus(answers)
    return bus, BusTarget(Bus(bus, "commerce", attempts=1, sleep=lambda _: None))


def ids(bus: FakeBus) -> list[str]:
    return [json.loads(each["Detail"])["metadata"]["event_id"] for each in bus.accepted]


def many(lake: Lake, events: int) -> list[str]:
    put_raw(lake, "a", *(viewed(n, n % 60) for n in range(events)))
    curate(lake)
    with connect(lake, release_of(lake)) as connection:
        rows = connection.sql("select event_id from curated.page_viewed order by occurred_at, event_id")
        return [event_id for (event_id,) in rows.fetchall()]


def test_a_replay_that_a_bus_broke_off_goes_on_where_it_was(lake: Lake) -> None:
    wanted = many(lake, 1_234)
    first, target = onto([None] * 70 + [answered("InternalException", 500)])
    with pytest.raises(StorageError, match="did not accept all"):
        replay(lake, EVERYTHING, target, "again")
    put_raw(lake, "late", viewed(5_000, 0))
    curate(lake)  # what came since is not of this replay
    second, target = onto()
    reached = replay(lake, EVERYTHING, target, "again")
    assert (reached.sent, reached.undeliverable) == (1_234, 0)
    assert ids(first) == wanted[:700]
    assert ids(second) == wanted[500:]  # the batch that was broken off is sent in whole
    third, target = onto()
    assert replay(lake, EVERYTHING, target, "again").sent == 1_234
    assert third.calls == []
    assert replay(lake, EVERYTHING, target, "another").sent == 1_235
    with pytest.raises(UsageError, match="Replay again is of"):
        replay(lake, Span(DAY, EVERYTHING.end, EVERYTHING.event_types), target, "again")


def test_an_event_that_no_bus_takes_is_counted_and_holds_up_nothing(lake: Lake) -> None:
    large = event(event_id="large")
    large["detail"]["note"] = "x" * 1_000_000
    put_raw(lake, "a", large, viewed(1, 10))
    curate(lake)
    bus, target = onto()
    reached = replay(lake, EVERYTHING, target, "again")
    assert (reached.sent, reached.undeliverable, ids(bus)) == (1, 1, ["e-1"])


def test_a_bus_that_does_not_exist_gets_nothing(lake: Lake) -> None:
    many(lake, 3)
    bus = FakeBus(buses=())
    with pytest.raises(UsageError, match="no event bus"):
        replay(lake, EVERYTHING, BusTarget(Bus(bus, "comerce", attempts=1)), "again")
    assert bus.calls == []


def test_a_rate_is_held(lake: Lake) -> None:
    many(lake, 1_100)
    waits: list[float] = []
    _, target = onto()
    replay(lake, EVERYTHING, target, "again", rate=1.0, pause=waits.append)
    assert [round(wait, -2) for wait in waits] == [
        500,
        1_000,
        1_100,
    ]  # nothing waits in truth, so each says the whole


def test_a_target_that_fails_leaves_no_file(lake: Lake, tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise StorageError("The disk is full.")

    many(lake, 3)
    with pytest.raises(StorageError), FileTarget(tmp_path / "again.ndjson") as target:
        replay(lake, EVERYTHING, target, "again", rate=0.1, pause=stop)
    assert list(tmp_path.glob("again*")) == []
    with pytest.raises(StorageError, match="cannot be written"):
        FileTarget(tmp_path / "none" / "again.ndjson").__enter__()


def test_the_command_says_what_it_would_send_and_sends_it(lake: Lake, tmp_path: Path) -> None:
    many(lake, 90)
    words = [
        "replay",
        "--lake",
        lake.root,
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-02",
        "--events",
        "page_viewed",
    ]
    planned = lake_command(*words, "--rate", "10", "--dry-run", "--json")
    assert json.loads(planned.stdout) == {
        "events": {"page_viewed": 90},
        "total": 90,
        "raw_objects": 1,
        "seconds": 9,
    }
    assert lake.replays.names() == []
    path = tmp_path / "again.ndjson"
    done = lake_command(*words, "--to-file", path, "--json")
    assert (done.returncode, json.loads(done.stdout)["sent"]) == (DONE, 90)
    minutes = [
        json.loads(each)["detail"]["metadata"]["occurred_at"] for each in path.read_text().splitlines()
    ]
    assert (len(minutes), minutes) == (90, sorted(minutes))
    for wrong in ((), ("--to-file", path, "--to-bus", "commerce")):
        refused = lake_command(*words, *wrong)
        assert (refused.returncode, "--to-bus NAME, or --to-file PATH" in refused.stderr) == (WRONG_USE, True)
    unknown = lake_command(*words, "--events", "page_vewed", "--to-file", path)
    assert (unknown.returncode, "page_vewed" in unknown.stderr) == (WRONG_USE, True)


def test_a_replay_that_was_killed_is_sent_again_in_whole(lake: Lake, tmp_path: Path) -> None:
    many(lake, 700)
    path = tmp_path / "again.ndjson"
    words = ["replay", "--lake", lake.root, "--from", "2026-11-01", "--to", "2026-11-02", "--to-file", path]
    killed_at("replay.sent", *words, log=tmp_path / "hit")
    assert not path.exists()
    assert lake_command(*words).returncode == DONE
    assert Counter(json.loads(each)["detail-type"] for each in path.read_text().splitlines()) == {
        "page_viewed": 700
    }


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", ""])
def test_an_id_is_a_plain_word(name: str, lake: Lake) -> None:
    bus, target = onto()
    with pytest.raises(UsageError, match="names no replay"):
        replay(lake, EVERYTHING, target, name)
    assert (bus.calls, lake.replays.names()) == ([], [])


def test_an_empty_span_sends_nothing(lake: Lake) -> None:
    many(lake, 3)
    bus, target = onto()
    nothing = Span(DAY.replace(year=2020), DAY.replace(year=2021), ("page_viewed",))
    assert replay(lake, nothing, target, "again") == Reached()
    assert bus.calls == []
