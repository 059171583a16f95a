"""What curate makes of `golden/received.ndjson`, compared with what was looked over by a person.

After an intended change, write the expected files again and look at their diff:

    LAKE_WRITE_GOLDEN=1 .venv/bin/pytest tests/e2e/test_golden_files.py
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from holdings import ask, assert_conserved, newest

from contracts.layout import CURATED, QUARANTINE
from lakehouse.lake import Lake
from pipeline.curate import curate

GOLDEN: Final = Path(__file__).parent / "golden"
RECEIVED: Final = GOLDEN / "received.ndjson"
OF_THE_RUN: Final = {"run_id", "curated_at", "quarantined_at"}
HOUR: Final = "bus=commerce/ingest_date=2026-11-02/ingest_hour=09"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that curated the golden input."""
    lake = Lake.create(tmp_path)
    lake.store.write(f"{HOUR}/received.json.gz", gzip.compress(RECEIVED.read_bytes(), mtime=0))
    curate(lake)
    return lake


def as_text(value: Any) -> str:
    """Money as it is held, with four decimals; times in UTC."""
    if isinstance(value, dt.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bytes):
        return value.decode()
    assert isinstance(value, Decimal | dt.date), value
    return str(value)


def filled(row: dict[str, Any]) -> dict[str, Any]:
    """The row without nulls and without what differs from run to run."""
    return {name: value for name, value in row.items() if value is not None and name not in OF_THE_RUN}


def lines_of(lake: Lake, tables: list[str]) -> str:
    found = [
        {"table": table, **filled(row)} for table in tables for row in ask(lake, f"select * from {table}")
    ]
    found.sort(key=lambda row: (row["table"], row["raw_record"]))
    return "".join(json.dumps(row, default=as_text, ensure_ascii=False) + "\n" for row in found)


def assert_golden(name: str, found: str) -> None:
    path = GOLDEN / name
    if os.environ.get("LAKE_WRITE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
        pytest.skip(f"wrote {path.name}; look at its diff")
    assert found.splitlines() == path.read_text(encoding="utf-8").splitlines()


def test_good_records_become_these_rows(lake: Lake) -> None:
    tables = sorted(table for table in newest(lake).tables if table.startswith(f"{CURATED}."))
    assert_golden("curated.jsonl", lines_of(lake, tables))


def test_bad_records_are_rejected_for_these_reasons(lake: Lake) -> None:
    assert_golden("quarantined.jsonl", lines_of(lake, [QUARANTINE]))


def test_every_record_of_the_input_is_accounted_for(lake: Lake) -> None:
    assert_conserved(lake)
    joined = RECEIVED.read_bytes().count(b"}{")
    received = ask(lake, "select sum(records)::bigint as n from platform.ledger")
    assert received == [{"n": RECEIVED.read_bytes().count(b"\n") + joined}]


def test_rejected_records_are_kept_byte_for_byte(lake: Lake) -> None:
    text = RECEIVED.read_bytes()
    rejected = ask(lake, f"select record from {QUARANTINE}")
    assert len(rejected) > 20
    assert all(row["record"] in text for row in rejected)
