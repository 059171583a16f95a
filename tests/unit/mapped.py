"""What the tests of mappings share. A test module takes the fixtures by assignment."""

from __future__ import annotations

import datetime as dt
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from contracts.declarations import load_declarations
from ingestion.event_log import EventLog, Landing
from ingestion.ingest import IngestResult, ingest
from ingestion.publisher import Publisher
from lakehouse.mappings import load_mapping

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)

Ingest: TypeAlias = Callable[..., IngestResult]
Write: TypeAlias = Callable[[str, str], Path]
Details: TypeAlias = list[dict[str, Any]]

CUSTOMERS = """
    events:
      - event_type: customer_registered
        source: crm
        occurred_at: since
        id: [number]
        fields:
          customer_id: number
"""
PRODUCTS = """
    events:
      - event_type: product_updated
        source: pim
        occurred_at: TIMESTAMP '2026-01-01 10:00'
        id: [sku]
        fields:
          product_id: sku
          sku: sku
          name: name
          is_active: {constant: true}
"""
RECEIPTS = """
    events:
      - event_type: sale_completed
        file: "receipts*"
        source: till
        historical: true
        group_by: [receipt, shop, closed]
        id: [receipt]
        occurred_at: closed
        fields:
          receipt_id: receipt
          store_id: shop
          currency_code: {constant: USD}
          subtotal_amount: sum(value::DECIMAL(18, 2))
          discount_amount: {constant: 0}
          tax_amount: {constant: "0.00"}
          total_amount: sum(value::DECIMAL(18, 2))
          lines:
            fields:
              line_number: _line
              sku: article
              quantity: pieces
              discount_amount: {constant: 0}
              net_amount: value
              tax_amount: {constant: 0}
              total_amount: value
"""
RECEIPT_ROWS = """\
    receipt,shop,closed,article,pieces,value
    r1,s1,2026-01-02 10:00:00,milk,1,0.10
    r2,s1,2026-01-02 11:00:00,bread,2,3.98
    r1,s1,2026-01-02 10:00:00,eggs,0,0.20
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "events.sqlite") as opened:
        yield opened


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> Path:
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path / name

    return written


@pytest.fixture
def run(log: EventLog, write: Write) -> Ingest:
    def ingested(mapping: str, *files: Path) -> IngestResult:
        declarations = load_declarations()
        loaded = load_mapping(write("mapping.yaml", mapping), declarations)
        return ingest(files, loaded, Publisher(declarations, log, clock=lambda: NOW))

    return ingested


def details(log: EventLog) -> Details:
    records = log.records(Landing("", "commerce", NOW.replace(minute=0), 1, 1_000_000, 0))
    return [json.loads(record)["detail"] for record in records]


def event_ids(log: EventLog) -> list[str]:
    return [each["metadata"]["event_id"] for each in details(log)]


def adding(mapping: str, *lines: str) -> str:
    """The mapping with more fields in its last section."""
    return mapping + "".join(f"          {line}\n" for line in lines)


def replacing(mapping: str, old: str, new: str) -> str:
    assert old in mapping
    return mapping.replace(old, new)
