"""For every source a sample of what it truly sends goes in, and the named events come out, each record accounted for."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import DONE, WRONG_USE, lake_command
from duckdb import DuckDBPyConnection as Connection
from holdings import assert_conserved

from contracts.declarations import load_declarations
from contracts.mapping import MappingFile
from contracts.sources import Source
from ingestion.event_log import EventLog
from ingestion.exports import ingest_documents
from ingestion.ingest import ingest
from ingestion.lander import land
from ingestion.publisher import Publisher
from lakehouse.lake import Lake
from lakehouse.sql import connect, query, release_of
from pipeline.curate import curate

NOW = dt.datetime(2026, 11, 27, 9, 30, tzinfo=dt.UTC)
SAMPLES = Path(__file__).parent / "sources"
SOURCES = load_declarations().sources


def test_every_source_has_a_sample() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(SOURCES)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_what_a_source_sends_becomes_the_named_events(name: str, tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0})
    expected = yaml.safe_load((SAMPLES / name / "expected.yaml").read_text())
    for _ in range(2):  # the same twice adds nothing
        assert ingested(lake, SOURCES[name]) == expected.get("ignored", 0)
        curate(lake)
    assert_conserved(lake)
    with connect(lake, release_of(lake)) as connection:
        assert found_events(connection, expected["events"]) == [plain(each) for each in expected["events"]]
        assert curated_counts(connection) == counts_of(expected["events"])
        refused = expected.get("quarantined", [])
        assert quarantined(connection) == sorted(refused + refused)
    assert set(counts_of(expected["events"])) == set(SOURCES[name].event_types)


def test_the_command_takes_the_documents_of_a_source(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0})
    sent = SAMPLES / "stripe" / "sent.ndjson"
    ingest_command = ("ingest", sent, "--source", "stripe", "--lake", lake.root, "--json")
    dry = lake_command(*ingest_command, "--dry-run")
    assert (dry.returncode, lake.log_path.exists()) == (DONE, False)
    done = lake_command(*ingest_command)
    (told,) = json.loads(done.stdout)
    assert [told] == json.loads(dry.stdout)
    with EventLog(lake.log_path) as log:
        assert len(log) == told["published"] > 0
    assert told["documents"] == len(sent.read_text().splitlines())


@pytest.mark.parametrize("named", [(), ("--source", "stripe", "--mapping", "m.yaml"), ("--source", "strype")])
def test_what_the_files_are_is_named_once_and_as_declared(tmp_path: Path, named: tuple[str, ...]) -> None:
    lake = Lake.create(tmp_path / "lake")
    done = lake_command("ingest", "--lake", lake.root, SAMPLES / "stripe/sent.ndjson", *named)
    assert done.returncode == WRONG_USE
    assert ("did you mean stripe" if "strype" in named else "either --mapping or --source") in done.stderr


def ingested(lake: Lake, source: Source) -> int:
    """Takes the source's samples in as of a day in November 2026; how many documents or rows were left out knowingly."""
    sent = sorted(path for path in (SAMPLES / source.name).iterdir() if path.name.startswith("sent"))
    with EventLog(lake.log_path) as log:
        if source.reads == "documents":
            ignored = ingest_documents(sent, source, log, clock=lambda: NOW).ignored
        else:
            publisher = Publisher(lake.declarations, log, clock=lambda: NOW)
            ignored = ingest(sent, MappingFile(source.path, source.sections), publisher).skipped
        land(log, lake.store, now=NOW)
    return ignored


def plain(value: Any) -> Any:
    """A value as YAML and JSON can write it."""
    match value:
        case Decimal():
            return str(value)
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
    return value


def part_of(found: Any, wanted: Any) -> Any:
    """The part of what was found that the expectation speaks of."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: part_of(found.get(key), each) for key, each in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [part_of(a, b) for a, b in zip(found, wanted, strict=True)]
    return plain(found)


def found_events(connection: Connection, expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each expected event, the rows of its type in the order of their times, cut to what is expected of them."""
    rows = {
        event_type: with_clear_values(
            connection,
            query(
                connection, f"select * from curated.{event_type} order by occurred_at, event_id"
            ).to_pylist(),
        )
        for event_type in counts_of(expected)
    }
    return [
        {event_type: part_of(rows[event_type].pop(0) if rows[event_type] else None, plain(wanted))}
        for each in expected
        for event_type, wanted in each.items()
    ]


def with_clear_values(connection: Connection, rows: Any) -> Any:
    """The rows with what their pseudonyms stand for."""
    kept = query(connection, "select pseudonym, value from platform.personal_values").to_pylist()
    return clear(rows, {row["pseudonym"]: row["value"] for row in kept})


def clear(found: Any, values: dict[str, str]) -> Any:
    match found:
        case dict():
            return {name: clear(each, values) for name, each in found.items()}
        case list():
            return [clear(each, values) for each in found]
        case str():
            return values.get(found, found)
    return found


def counts_of(expected: list[dict[str, Any]]) -> dict[str, int]:
    types = [event_type for each in expected for event_type in each]
    return {event_type: types.count(event_type) for event_type in types}


def curated_counts(connection: Connection) -> dict[str, int]:
    """Rows by event type, where there are any."""
    names = [name for name in load_declarations().events if name in curated_tables(connection)]
    counts = " union all ".join(
        f"select '{name}' as name, count(*) as n from curated.{name}" for name in names
    )
    return {row["name"]: row["n"] for row in query(connection, counts).to_pylist() if row["n"]}


def curated_tables(connection: Connection) -> set[str]:
    listed = "select table_name as name from information_schema.tables where table_schema = 'curated'"
    return {row["name"] for row in query(connection, listed).to_pylist()}


def quarantined(connection: Connection) -> list[str]:
    rows = query(connection, "select error_type, event_type from platform.quarantine").to_pylist()
    return sorted(f"{row['error_type']} {row['event_type'] or ''}".strip() for row in rows)
