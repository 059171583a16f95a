"""Lists within one row become lists of objects."""

from __future__ import annotations

import json
from typing import Any

import mapped
import pytest
from mapped import Ingest, Write, details, replacing

from contracts.errors import MappingError
from ingestion.event_log import EventLog

log, write, run = mapped.log, mapped.write, mapped.run

# the receipts of the other tests, each a row of its own with its articles in a list
RECEIPTS = mapped.RECEIPTS
for old, new in (
    ('        file: "receipts*"\n', ""),
    ("        historical: true\n", ""),
    ("        group_by: [receipt, shop, closed]\n", ""),
    ("sum(value::DECIMAL(18, 2))", "total"),
    ("          lines:\n", "          lines:\n            each: items\n"),
    ("sku: article", "sku: item.sku"),
    ("quantity: pieces", "quantity: item.n"),
    ("amount: value", "amount: item.price"),
):
    RECEIPTS = replacing(RECEIPTS, old, new)
RECEIPT = {
    "receipt": "r1", "shop": "s1", "closed": "2026-01-02T10:00:00Z", "total": "4.18",
    "items": [{"sku": "milk", "n": 1, "price": "0.20"}, {"sku": "bread", "n": 2, "price": "3.98"}],
}  # fmt: skip


def lines_of(log: EventLog) -> Any:
    (detail,) = details(log)
    return [(x["line_number"], x["sku"], x["quantity"], x["net_amount"]) for x in detail["lines"]]


def drop(write: Write, **changed: Any) -> Any:
    return write("a.ndjson", json.dumps(RECEIPT | changed) + "\n")


def test_a_list_of_objects_gives_an_object_for_each_item(run: Ingest, write: Write, log: EventLog) -> None:
    assert run(RECEIPTS, drop(write)).invalid == 0
    assert lines_of(log) == [(1, "milk", 1, "0.20"), (2, "bread", 2, "3.98")]


def test_a_list_of_json_does_too(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = RECEIPTS.replace("each: items", "each: items::JSON").replace("item.", "item->>")
    for name in ("sku", "n", "price"):
        mapping = mapping.replace(f"item->>{name}", f"item->>'{name}'")
    run(mapping, drop(write))
    assert lines_of(log) == [(1, "milk", 1, "0.20"), (2, "bread", 2, "3.98")]


def test_items_may_be_looked_up_and_lists_be_filtered(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = replacing(RECEIPTS, "each: items", "each: 'list_filter(items, lambda x: x.n > 1)'")
    run(replacing(mapping, "sku: item.sku", "sku: {sql: item.sku, lookup: {bread: B-1}}"), drop(write))
    assert lines_of(log) == [(1, "B-1", 2, "3.98")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("each: items", "each: receipt", "a list is expected here, and this is VARCHAR"),
        ("sku: item.sku", "sku: item.skew", "skew"),
        ("each: items", "each: itemss", "no column 'itemss'; did you mean items"),
    ],
)
def test_what_does_not_fit_the_file_is_named_with_its_line(
    run: Ingest, write: Write, old: str, new: str, message: str
) -> None:
    with pytest.raises(MappingError, match=rf"mapping\.yaml:\d+: .*{message}"):
        run(replacing(RECEIPTS, old, new), drop(write))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("receipt_id: receipt", "receipt_id: {each: a, fields: {a: b}}", "no fields of its own"),
        (
            "sku: item.sku",
            "sku: item.sku\n              returned_lines: {fields: {a: b}}",
            "no field 'returned_lines'",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    run: Ingest, write: Write, old: str, new: str, message: str
) -> None:
    with pytest.raises(MappingError, match=rf"mapping\.yaml:\d+: .*{message}"):
        run(replacing(RECEIPTS, old, new), drop(write))
