from __future__ import annotations

import json
from typing import Any

import pytest
from holdings import holdings, newest
from records import DECLARATIONS
from shop_raw import HOUR, MONDAY, put, text_of

from contracts.samples import record
from lakehouse.lake import Lake
from pipeline.curate import curate


def failed(version: int, event_id: str, code: int | str) -> dict[str, Any]:
    contract = DECLARATIONS.event("payment_failed").version(version)
    assert contract is not None
    made = record(DECLARATIONS, contract)
    made["time"] = text_of(MONDAY)
    made["detail"] |= {"failure_code": code}
    made["detail"]["metadata"] |= {"event_id": event_id, "occurred_at": text_of(MONDAY)}
    return made


def codes(lake: Lake) -> dict[str, tuple[int, Any]]:
    """Version and failure code of each curated row, by event id."""
    rows = [json.loads(row) for row in holdings(lake)["curated.payment_failed"]]
    return {row["event_id"]: (row["schema_version"], row["failure_code"]) for row in rows}


@pytest.mark.parametrize("in_runs", [1, 2])
def test_versions_of_a_contract_share_a_table_and_old_rows_are_lifted(lake: Lake, in_runs: int) -> None:
    put(lake, "old", failed(1, "old", 51), failed(1, "large", 2**62))
    if in_runs == 2:
        curate(lake)
    put(lake, "new", failed(2, "new", "R1"), failed(2, "digits", "0051"), at=MONDAY + HOUR)
    curate(lake)
    assert codes(lake) == {
        "old": (1, "51"),
        "large": (1, str(2**62)),
        "new": (2, "R1"),
        "digits": (2, "0051"),
    }
    assert [t for t in newest(lake).tables if "payment_failed" in t] == ["curated.payment_failed"]


def test_each_version_is_held_against_its_own_contract(lake: Lake) -> None:
    put(lake, "mixed", failed(1, "text-in-v1", "51"), failed(2, "number-in-v2", 51), failed(1, "right", 51))
    curate(lake)
    assert set(codes(lake)) == {"right"}
    rejected = [json.loads(row) for row in holdings(lake)["platform.quarantine"]]
    assert {(r["event_id"], r["error_type"], r["field"]) for r in rejected} == {
        ("text-in-v1", "wrong_type", "$.detail.failure_code"),
        ("number-in-v2", "wrong_type", "$.detail.failure_code"),
    }


def test_one_event_sent_in_both_versions_is_a_conflict_and_the_first_counts(lake: Lake) -> None:
    later = {**failed(2, "both", "51"), "time": text_of(MONDAY + HOUR)}
    put(lake, "both", later, failed(1, "both", 51))
    curate(lake)
    assert codes(lake) == {"both": (1, "51")}
    (rejected,) = holdings(lake)["platform.quarantine"]
    assert json.loads(rejected)["error_type"] == "conflict"
