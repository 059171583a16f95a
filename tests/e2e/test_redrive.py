"""`lake redrive errors`, as its users run it, on envelopes of every kind that Firehose writes.

The samples in `redrive/` have the shapes of AWS's pages on failure handling (docs.aws.amazon.com/firehose/latest/dev) and the spellings met
in the wild; the events in them are our contracts' samples.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, WRONG_USE, answer, killed_at, lake_command
from holdings import accounts, assert_conserved, holdings
from shop_raw import HOUR, MONDAY, put

from ingestion.dead_letters import Letter, letters_in
from ingestion.event_log import EventLog
from lakehouse.failpoints import FAILPOINTS
from lakehouse.lake import Lake
from pipeline.curate import curate

SAMPLES = Path(__file__).with_name("redrive") / "errors"
OBJECTS = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
POINTS = ("redrive.read", "redrive.noted", "redrive.put")
EVERY_EVENT = {f"r-{n:02}" for n in range(1, 13)}
RECORDS = len(EVERY_EVENT) + 1
"""One record is broken, and goes back as it is."""

Contents = dict[str, list[str]]


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    """The samples, at a place of their own."""
    return Path(shutil.copytree(SAMPLES, tmp_path / "errors"))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """What a lake holds whose deliveries did not fail."""
    lake = Lake.create(tmp_path_factory.mktemp("delivered"))
    for number, path in enumerate(OBJECTS):
        found = letters_in(str(path), path.read_bytes())
        records = [record for each in found if isinstance(each, Letter) for record in each.records]
        if records:
            put(lake, f"part-{number}", *records, at=MONDAY + int(path.parent.name) * HOUR)
    curate(lake)
    return contents(lake)


def contents(lake: Lake) -> Contents:
    """What a lake holds, less where in raw it came from."""
    found = holdings(lake)
    rejected = [json.loads(row) for row in found.pop("platform.quarantine")]
    without = [{k: v for k, v in row.items() if not k.startswith("raw_")} for row in rejected]
    return {**found, "rejected": [json.dumps(row) for row in without]}


def counted(errors: Path, lake: Lake, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = answer("redrive", "errors", errors, "--lake", lake.root, *more)
    return found


def assert_all_is_curated_once(lake: Lake, delivered: Contents) -> None:
    assert lake_command("land", "--lake", lake.root).returncode == DONE
    curate(lake)
    assert contents(lake) == delivered
    assert_conserved(lake)
    totals = accounts(lake).values()
    assert sum(each["records"] for each in totals) == RECORDS
    assert sum(each["duplicates"] for each in totals) == 0


def test_every_kind_of_envelope_is_brought_back_and_curated_once(
    lake: Lake, errors: Path, delivered: Contents
) -> None:
    found = counted(errors, lake)
    assert (found["found"], found["redriven"], found["already_redriven"]) == (RECORDS, RECORDS, 0)
    assert found["errors"] == {
        "400": 1,
        "DataFormatConversion.InvalidSchema": 1,
        "DataFormatConversion.ParseError": 1,
        "DynamicPartitioning.MetadataExtractionFailed": 2,
        "HttpEndpoint.DestinationException": 1,
        "Iceberg.MissingColumnWithinRecord": 1,
        "Lambda.FunctionError": 1,
        "Lambda.InvokeAccessDenied": 2,
        "Splunk.ServerError": 1,
        "source record": 2,
    }
    assert_all_is_curated_once(lake, delivered)
    ids = {
        json.loads(row)["event_id"]
        for table, rows in delivered.items()
        if table != "rejected"
        for row in rows
    }
    assert ids == EVERY_EVENT
    assert [json.loads(row)["error_type"] for row in delivered["rejected"]] == ["malformed_json"]


def test_what_holds_no_event_is_counted_named_and_left(lake: Lake, errors: Path) -> None:
    before = {path: path.read_bytes() for path in errors.rglob("*") if path.is_file()}
    found = counted(errors, lake)
    assert found["unreadable"] == 1
    (left,) = found["left"]
    assert left["place"].startswith(f"{errors}/manifests/")
    assert left["place"].endswith("#0")
    assert {path: path.read_bytes() for path in errors.rglob("*") if path.is_file()} == before


def test_a_second_redrive_adds_nothing_and_says_so(lake: Lake, errors: Path, delivered: Contents) -> None:
    counted(errors, lake)
    lake_command("land", "--lake", lake.root)
    found = counted(errors, lake)
    assert (found["found"], found["redriven"], found["already_redriven"]) == (RECORDS, 0, RECORDS)
    done = lake_command("redrive", "errors", errors, "--lake", lake.root)
    assert "Nothing new to redrive." in done.stderr
    assert_all_is_curated_once(lake, delivered)


def test_what_comes_between_is_redriven_alone(lake: Lake, errors: Path, delivered: Contents) -> None:
    late = next(errors.glob("iceberg-failed/**/shop*"))
    kept = late.rename(errors.parent / late.name)
    assert counted(errors, lake)["redriven"] == RECORDS - 1
    kept.rename(late)
    assert counted(errors, lake)["redriven"] == 1
    assert_all_is_curated_once(lake, delivered)


def test_one_object_named_by_two_prefixes_is_redriven_once(
    lake: Lake, errors: Path, delivered: Contents
) -> None:
    twice = ("redrive", "errors", errors, errors / "splunk-failed", "--lake", lake.root)
    found = answer(*twice)
    assert (found["redriven"], found["already_redriven"]) == (RECORDS, 1)
    assert_all_is_curated_once(lake, delivered)


def test_raw_has_them_in_the_hours_in_which_they_arrived(lake: Lake, errors: Path) -> None:
    counted(errors, lake)
    lake_command("land", "--lake", lake.root)
    hours = {name.split("/")[2] for name in lake.store.names()}
    assert hours == {f"ingest_hour={hour:02}" for hour in range(1, 9)}
    assert {name.split("/")[1] for name in lake.store.names()} == {"ingest_date=2026-11-02"}


def test_a_dry_run_says_what_would_be_redriven_and_changes_nothing(lake: Lake, errors: Path) -> None:
    found = counted(errors, lake, "--dry-run")
    assert (found["found"], found["redriven"], found["waiting"]) == (RECORDS, 0, RECORDS)
    assert not lake.log_path.exists()
    counted(errors, lake)
    found = counted(errors, lake, "--dry-run")
    assert (found["already_redriven"], found["waiting"]) == (RECORDS, 0)
    with EventLog(lake.log_path) as log:
        assert len(log) == RECORDS


@pytest.mark.parametrize("point", POINTS)
def test_a_redrive_killed_anywhere_neither_loses_nor_doubles(
    lake: Lake, errors: Path, delivered: Contents, tmp_path: Path, point: str
) -> None:
    killed_at(point, "redrive", "errors", errors, "--lake", lake.root, log=tmp_path / "hits")
    found = counted(errors, lake)
    is_in_the_log = point == "redrive.put"
    assert found["redriven"] == (0 if is_in_the_log else RECORDS)
    assert found["already_redriven"] == (RECORDS if is_in_the_log else 0)
    assert_all_is_curated_once(lake, delivered)


@pytest.mark.parametrize("point", POINTS)
def test_a_redrive_killed_after_its_first_batch_goes_on_where_it_was(
    lake: Lake, tmp_path: Path, point: str
) -> None:
    errors = tmp_path / "errors"
    errors.mkdir()
    line = next(SAMPLES.glob("splunk-failed/**/shop*")).read_bytes()
    (errors / "many").write_bytes(line * 250)
    killed_at(f"{point}:2", "redrive", "errors", errors, "--lake", lake.root, log=tmp_path / "hits")
    found = counted(errors, lake)
    before = 200 if point == "redrive.put" else 100
    assert (found["redriven"], found["already_redriven"]) == (250 - before, before)
    with EventLog(lake.log_path) as log:
        assert len(log) == 250


def test_nothing_of_the_data_is_printed(lake: Lake, errors: Path) -> None:
    (errors / "torn").write_bytes(b'{"email":"someone@shop.example"}\n{"rawData":"someone@shop.example"}\n')
    done = lake_command("redrive", "errors", errors, "--lake", lake.root)
    assert done.returncode == DONE
    assert "visitor_id" not in done.stdout + done.stderr
    assert "someone" not in done.stdout + done.stderr
    assert f"Next: lake run --lake {lake.root}" in done.stderr


def test_a_prefix_that_is_not_there_is_wrong_use(lake: Lake, tmp_path: Path) -> None:
    done = lake_command("redrive", "errors", tmp_path / "nothing", "--lake", lake.root)
    assert done.returncode == WRONG_USE
    assert "is no folder" in done.stderr
    assert not lake.log_path.exists()


def test_a_redrive_of_the_outbox_is_its_drain(lake: Lake) -> None:
    assert answer("redrive", "outbox", "--lake", lake.root) == answer("outbox", "drain", "--lake", lake.root)


def test_every_commit_point_of_redrive_is_tried_here_or_on_queues_and_buses() -> None:
    elsewhere = {"redrive.sent", "redrive.deleted"}
    assert {point for point in FAILPOINTS if point.startswith("redrive.")} == {*POINTS, *elsewhere}
