"""A backfill is run slice by slice, goes on where it was broken off, and publishes nothing that was not expected."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import CHECK_FAILED, DONE, answer, killed_at, lake_command
from holdings import accounts, assert_conserved, holdings, newest
from ruled import other_contracts, ruled_by, with_rule
from shop_raw import DAY, MONDAY, put, sent
from small_project import make_contracts, small_lake

from contracts.backfills import load_backfill
from contracts.errors import ContractError, ExpectationError, UsageError
from lakehouse.lake import Lake
from pipeline.backfill import backfill_records, run_backfill
from pipeline.curate import curate

NOON = dt.datetime(2026, 11, 9, 12, tzinfo=dt.UTC)
FIELD = {"type": ["integer", "null"], "description": "Known by now."}


def noon() -> dt.datetime:
    return NOON


def write(path: Path, **changed: Any) -> Path:
    """A file of a backfill."""
    path.parent.mkdir(exist_ok=True)
    text = {
        "name": path.stem,
        "reason": "The field was not known.",
        "owner": "web",
        "from": "2026-11-02",
        "to": "2026-11-05",
        "expect": {"events": ["page_viewed"], "columns": ["a_field_of_tomorrow", "extras"]},
    }
    path.write_text(yaml.safe_dump({k: v for k, v in {**text, **changed}.items() if v is not None}), "utf-8")
    return path


def fill(lake: Lake) -> None:
    """Three days of page views with a field that no contract knows, and an order each."""
    for day in range(3):
        at = MONDAY + day * DAY
        views = [sent("page_viewed", f"e-{day}-{n}", at=at, a_field_of_tomorrow=n) for n in range(2)]
        put(lake, f"day-{day}", *views, sent("order_placed", f"o-{day}", at=at), at=at)
    curate(lake)


@pytest.fixture
def informed(lake: Lake, tmp_path: Path) -> Lake:
    """A lake whose contracts know the field by now."""
    fill(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", **FIELD)
    return ruled_by(lake, contracts)


def filled(lake: Lake) -> int:
    return sum('"a_field_of_tomorrow":null' not in row for row in holdings(lake)["curated.page_viewed"])


def test_a_field_added_later_is_filled_from_raw_slice_by_slice(informed: Lake, tmp_path: Path) -> None:
    assert filled(informed) == 0
    backfill = load_backfill(write(tmp_path / "backfills" / "field.yaml"))
    record = run_backfill(informed, backfill, clock=noon)
    assert filled(informed) == 6
    assert [(each.start, each.raw_objects, len(each.releases)) for each in record.done] == [
        (dt.datetime(2026, 11, day), 1, 1)  # noqa: DTZ001 as in tables
        for day in (2, 3, 4)
    ]
    assert record.is_complete
    assert {each.done_at for each in record.done} == {NOON}
    assert backfill_records(informed) == [record]
    release = newest(informed)
    assert run_backfill(informed, backfill, clock=noon) == record
    assert newest(informed) == release
    assert_conserved(informed)


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"events": ["order_placed"]}, "rows of page_viewed differ"),
        (
            {"events": ["page_viewed"], "columns": ["extras"]},
            "columns of page_viewed change too: a_field_of_tomorrow",
        ),
    ],
)
def test_what_was_not_expected_is_not_published(
    informed: Lake, tmp_path: Path, expect: dict[str, Any], told: str
) -> None:
    release = newest(informed)
    with pytest.raises(ExpectationError, match=told):
        run_backfill(
            informed, load_backfill(write(tmp_path / "backfills" / "field.yaml", expect=expect)), clock=noon
        )
    assert newest(informed) == release
    assert backfill_records(informed) == []


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"events": ["page_viewed"], "columns": ["extras"]}, "page_viewed gains 0 rows and loses 1"),
        ({"events": ["page_viewed"], "rows_within_percent": 49}, "1 rows after 2, 50.00% off"),
        ({"events": ["page_viewed"], "rows_within_percent": 50}, None),
    ],
)
def test_rows_that_go_are_held_against_what_was_expected(
    lake: Lake, tmp_path: Path, expect: dict[str, Any], told: str | None
) -> None:
    fill(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", minimum=1, **FIELD)
    backfill = load_backfill(write(tmp_path / "backfills" / "field.yaml", expect=expect))
    if told is None:
        assert run_backfill(ruled_by(lake, contracts), backfill, clock=noon).is_complete
    else:
        with pytest.raises(ExpectationError, match=told):
            run_backfill(ruled_by(lake, contracts), backfill, clock=noon)


def test_a_slice_that_is_refused_leaves_those_before_it(lake: Lake, tmp_path: Path) -> None:
    at = MONDAY + DAY
    put(lake, "a", sent("page_viewed", "e-1", a_field_of_tomorrow=1))
    put(lake, "b", sent("page_viewed", "e-2", at=at, a_field_of_tomorrow=0), at=at)
    curate(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", minimum=1, **FIELD)
    lake = ruled_by(lake, contracts)
    path = write(tmp_path / "backfills" / "field.yaml")
    for _ in range(2):
        with pytest.raises(ExpectationError, match="loses 1"):
            run_backfill(lake, load_backfill(path), clock=noon)
        (record,) = backfill_records(lake)
        assert (len(record.done), record.is_complete, filled(lake)) == (1, False, 1)
    with pytest.raises(UsageError, match="1 of its 3 slices are done"):
        run_backfill(lake, load_backfill(write(path, owner="somebody else")), clock=noon)


@pytest.mark.dbt
def test_killed_between_a_slice_and_its_note_it_goes_on(tmp_path: Path) -> None:
    states = []
    for place, is_killed in (("quiet", False), ("killed", True)):
        lake = small_lake(tmp_path / place)
        fill(lake)
        rules = make_contracts(tmp_path / place / "rules")
        with_rule(rules, "page_viewed", "a_field_of_tomorrow", **FIELD)
        lake = ruled_by(lake, rules)
        path = write(tmp_path / place / "backfills" / "field.yaml")
        command = ("backfill", "run", path, "--lake", lake.root)
        if is_killed:
            killed_at("backfill.published:2", *command, log=tmp_path / "hit")
            assert [len(each["done"]) for each in answer("backfill", "status", "--lake", lake.root)] == [1]
            while lake.reprocess_lease.holder():
                pass
        done = lake_command(*command)
        assert done.returncode == DONE, done.stderr
        states.append((holdings(lake), accounts(lake), backfill_records(lake)[0].is_complete))
        assert filled(lake) == 6
    assert states[0] == states[1]


def test_the_command_says_what_was_not_expected(informed: Lake, tmp_path: Path) -> None:
    path = write(tmp_path / "backfills" / "field.yaml", expect={"events": ["order_placed"]})
    planned = answer("backfill", "plan", path, "--lake", informed.root)
    assert (planned["raw_objects"], planned["records"]) == (3, 9)
    done = lake_command("backfill", "run", path, "--lake", informed.root)
    assert (done.returncode, "rows of page_viewed differ" in done.stderr) == (CHECK_FAILED, True)
    window = ("--from", "2026-11-02", "--to", "2026-11-05")
    done = lake_command("reprocess", "--lake", informed.root, *window, "--events", "order_placed")
    assert (done.returncode, "rows of page_viewed differ" in done.stderr) == (CHECK_FAILED, True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"owner": None}, "says its 'owner'"),
        ({"name": "other"}, "is the file's, field"),
        ({"from": "yesterday"}, "a day or an hour of it"),
        ({"slice_hours": 0}, "a number of hours"),
        ({"expect": ["page_viewed"]}, "a mapping of what may differ"),
        ({"expect": {"columns": ["extras"]}}, "of which event types"),
        ({"expect": {"events": "page_viewed"}}, "a list of names"),
        ({"expect": {"events": ["page_viewed"], "rows_within_percent": "few"}}, "a number of per cent"),
        ({"expect": {"events": ["page_viewed"], "weather": "fine"}}, "'weather' is not supported"),
        ({"when": "soon"}, "'when' is not supported"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(ContractError, match=rf"field\.yaml:\d+: .*{told}"):
        load_backfill(write(tmp_path / "backfills" / "field.yaml", **changed))


def test_an_unknown_event_type_is_refused(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path / "backfills" / "field.yaml", expect={"events": ["page_seen"]})
    with pytest.raises(UsageError, match="page_seen"):
        run_backfill(lake, load_backfill(path), clock=noon)
    with pytest.raises(UsageError, match="is not there"):
        load_backfill(tmp_path / "nowhere.yaml")
