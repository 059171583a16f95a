from __future__ import annotations

import json
from typing import Any

import pytest
from commands import answer
from holdings import ask, newest

from contracts.layout import CURATED, QUARANTINE
from lakehouse.lake import Lake
from pipeline.status import quarantined as quarantined_records
from simulator import FAULTS

EVENTS = 8500
Address = tuple[str, int]
Manifest = list[dict[str, Any]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that curated a shop's events with every fault among them."""
    folder = tmp_path_factory.mktemp("faults") / "lake"
    lake = Lake.create(folder)
    report = answer("simulate", "--lake", folder, "--events", str(EVENTS), "--days", "2", "--faults")
    assert answer("curate", "--lake", folder)["totals"]["records"] == report["records"]
    return lake


@pytest.fixture(scope="module")
def manifest(lake: Lake) -> Manifest:
    (path,) = (lake.root / "manifests").glob("*.jsonl")
    return [json.loads(entry) for entry in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def curated(lake: Lake) -> set[Address]:
    tables = [table for table in newest(lake).tables if table.startswith(f"{CURATED}.")]
    rows = ask(lake, " union all ".join(f"select raw_object, raw_record from {table}" for table in tables))
    addresses = [(row["raw_object"], row["raw_record"]) for row in rows]
    assert len(set(addresses)) == len(addresses)
    return set(addresses)


@pytest.fixture(scope="module")
def quarantined(lake: Lake) -> dict[Address, str]:
    rows = ask(lake, f"select raw_object, raw_record, error_type from {QUARANTINE}")
    found = {(row["raw_object"], row["raw_record"]): row["error_type"] for row in rows}
    assert len(found) == len(rows)
    return found


def addresses(manifest: Manifest, expected: str) -> set[Address]:
    return {(e["raw_object"], e["raw_record"]) for e in manifest if e["expected"] == expected}


def test_the_manifest_names_nearly_every_kind_of_fault(manifest: Manifest) -> None:
    leaves_no_record = {"empty_object"}
    assert {fault.name for fault in FAULTS} - {entry["fault"] for entry in manifest} == leaves_no_record


def test_faults_that_do_no_harm_are_curated(manifest: Manifest, curated: set[Address]) -> None:
    assert addresses(manifest, "curated") - curated == set()


def test_duplicates_are_neither_curated_nor_quarantined(
    manifest: Manifest, curated: set[Address], quarantined: dict[Address, str]
) -> None:
    duplicates = addresses(manifest, "duplicate")
    assert duplicates
    assert duplicates & curated == set()
    assert duplicates & quarantined.keys() == set()


def test_bad_records_are_quarantined_for_the_right_reason_and_nothing_else_is(
    manifest: Manifest, quarantined: dict[Address, str]
) -> None:
    expected = {
        (e["raw_object"], e["raw_record"]): e["error_type"]
        for e in manifest
        if e["expected"] == "quarantined"
    }
    assert quarantined == expected


def test_nothing_is_missing_and_nothing_is_extra(lake: Lake, manifest: Manifest) -> None:
    status = answer("status", "--lake", lake.root)
    assert (status["missing"], status["extra"]) == (0, 0)
    fates = status["accounts"]
    assert fates["quarantined"] == len(addresses(manifest, "quarantined"))
    assert fates["duplicates"] == len(addresses(manifest, "duplicate"))
    assert fates["received"] == fates["curated"] + fates["duplicates"] + fates["quarantined"]


def test_good_events_are_all_curated(manifest: Manifest, curated: set[Address]) -> None:
    injected = {(entry["raw_object"], entry["raw_record"]) for entry in manifest}
    assert len(curated - injected) == EVENTS


def test_quarantine_keeps_the_bytes_that_came(lake: Lake) -> None:
    rows = quarantined_records(lake, error_type="bad_format", event_type=None, limit=100)
    assert rows
    assert all(json.loads(row["record"])["detail-type"] == row["event_type"] for row in rows)
