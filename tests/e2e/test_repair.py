"""Rejected records that a rule makes valid come in again, once, under their own ids."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, WRONG_USE, answer, killed_at, lake_command
from holdings import accounts, ask, assert_conserved, holdings
from records import event, put_raw
from test_sources import SOURCES, ingested

from contracts.repairs import load_repair_rule
from ingestion.event_log import EventLog
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.repair import repair

RULE = """
name: decimal-commas
reason: The payment service wrote amounts with a comma.
owner: payments
match: {event_type: payment_captured, error_type: bad_format, field: $.detail.amount}
steps:
  - {replace: amount, what: ",", by: "."}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0, "lease_seconds": 2})


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "rule.yaml"
    path.write_text(RULE)
    return path


def captured(event_id: str, amount: Any) -> dict[str, Any]:
    return event("payment_captured", event_id, amount=amount)


def rejected(lake: Lake) -> None:
    """Two that the rule mends, one that stays invalid, two that it is not for, and a valid one."""
    records = [
        captured("e-1", "12,50"),
        captured("e-2", "7,00"),
        captured("e-3", "7,00,0"),
        captured("e-4", 12.5),
    ]
    put_raw(lake, "a", *records, captured("e-5", "1.00"), event(event_id="e-6", page_url=7))
    curate(lake)


def run(lake: Lake) -> list[dict[str, Any]]:
    """Land and curate; the payments that there are."""
    assert lake_command("land", "--lake", lake.root).returncode == DONE
    curate(lake)
    assert_conserved(lake)
    return ask(
        lake,
        "select event_id, amount::varchar as amount, replay.repaired_by as rule from curated.payment_captured order by 1",
    )


def test_what_a_rule_makes_valid_comes_in_again_and_keeps_its_id(lake: Lake, rule: Path) -> None:
    rejected(lake)
    report = repair(lake, load_repair_rule(rule))
    assert (report.matched, report.fixed, report.already_in) == (3, 2, 0)
    assert report.failing == {"bad_format": 1}
    assert run(lake) == [
        {"event_id": "e-1", "amount": "12.5000", "rule": "decimal-commas"},
        {"event_id": "e-2", "amount": "7.0000", "rule": "decimal-commas"},
        {"event_id": "e-5", "amount": "1.0000", "rule": None},
    ]
    assert sum(each["quarantined"] for each in accounts(lake).values()) == 5  # what was rejected stays


def test_a_second_time_adds_nothing_before_and_after_it_is_curated(lake: Lake, rule: Path) -> None:
    rejected(lake)
    repair(lake, load_repair_rule(rule))
    again = repair(lake, load_repair_rule(rule))
    assert (again.matched, again.fixed, again.already_in) == (3, 0, 2)
    before = run(lake)
    rule.write_text(RULE.replace("decimal-commas", "another").replace('by: "."}', 'by: ".9"}'))
    other = repair(lake, load_repair_rule(rule))
    assert (other.fixed, other.already_in, other.failing) == (0, 2, {"bad_format": 1})
    assert run(lake) == before


def test_a_dry_run_says_the_same_and_lets_nothing_in(lake: Lake, rule: Path) -> None:
    rejected(lake)
    planned = answer("quarantine", "repair", "--lake", lake.root, "--rule", rule, "--dry-run")
    with EventLog(lake.log_path) as log:
        assert len(log) == 0
    done = answer("quarantine", "repair", "--lake", lake.root, "--rule", rule)
    assert planned == done
    assert (done["fixed"], done["failing"]) == (2, {"bad_format": 1})
    example = done["examples"][0]
    assert (
        json.loads(example["before"])["detail"]["amount"],
        json.loads(example["after"])["detail"]["amount"],
    ) == ("12,50", "12.50")


def test_numbers_that_the_rule_does_not_name_stay_digit_by_digit(lake: Lake, rule: Path) -> None:
    made = captured("e-1", "12,50")
    made["detail"]["note"] = 0
    put_raw(lake, "a", made)
    raw = next(lake.store.names())
    text = gzip.decompress(lake.store.read(raw)).replace(
        b'"note": 0', b'"note": [1.10, 12345678901234567890123.0]'
    )
    lake.store.write("bus=commerce/ingest_date=2026-11-01/ingest_hour=09/b.json.gz", gzip.compress(text))
    curate(lake)
    repair(lake, load_repair_rule(rule))
    with EventLog(lake.log_path) as log:
        kept = [row[0] for row in log._connection.execute("select record from events")]  # noqa: SLF001 the bytes themselves
    assert any(b"[1.10,12345678901234567890123.0]" in record for record in kept)


def test_a_repair_that_was_killed_lets_each_in_once(lake: Lake, rule: Path, tmp_path: Path) -> None:
    rejected(lake)
    words = ["quarantine", "repair", "--lake", lake.root, "--rule", rule]
    killed_at("redrive.noted", *words, log=tmp_path / "hit")
    assert answer(*words)["fixed"] == 2
    assert [each["event_id"] for each in run(lake)] == ["e-1", "e-2", "e-5"]


DOCUMENTS = """
name: stripe-separators
reason: A proxy wrote amounts with separators.
owner: payments
match: {error_type: unmappable}
steps:
  - {replace: amount_captured, what: ",", by: "", in: $.detail.payload.data.object}
  - {cast: amount_captured, to: integer, in: $.detail.payload.data.object}
"""


def test_a_document_of_a_source_is_repaired_too(lake: Lake, rule: Path, tmp_path: Path) -> None:
    sound = Lake.create(tmp_path / "sound", {"quarantine_threshold": 1.0})
    ingested(sound, SOURCES["stripe"])
    curate(sound)
    for name in sound.store.names():
        text = gzip.decompress(sound.store.read(name))
        assert b'"amount_captured":12995,' in text
        lake.store.write(
            name, gzip.compress(text.replace(b'"amount_captured":12995,', b'"amount_captured":"12,995",'))
        )
    curate(lake)
    missing = sum(map(len, holdings(sound).values())) - sum(map(len, holdings(lake).values()))
    rule.write_text(DOCUMENTS)
    report = repair(lake, load_repair_rule(rule))
    assert (report.fixed, report.failing) == (report.matched, {})
    assert report.fixed > 0
    run(lake)
    ids = "select event_id from curated.payment_captured order by 1"
    assert (ask(lake, ids), missing) == (ask(sound, ids), 0)


def test_a_rule_that_cannot_be_read_is_named(lake: Lake, rule: Path) -> None:
    rule.write_text(RULE.replace("owner: payments\n", ""))
    refused = lake_command("quarantine", "repair", "--lake", lake.root, "--rule", rule)
    assert (refused.returncode, "says its 'owner'" in refused.stderr) == (WRONG_USE, True)
    refused = lake_command("quarantine", "repair", "--lake", lake.root, "--rule", rule.with_name("none.yaml"))
    assert (refused.returncode, "none.yaml is not there" in refused.stderr) == (WRONG_USE, True)
