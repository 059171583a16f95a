from __future__ import annotations

import mapped
import pytest
from mapped import (
    CUSTOMERS,
    PRODUCTS,
    RECEIPT_ROWS,
    RECEIPTS,
    Ingest,
    Write,
    details,
    event_ids,
    replacing,
)

from contracts.errors import MappingError
from ingestion import _drop
from ingestion.event_log import EventLog

log, write, run = mapped.log, mapped.write, mapped.run


# Groups


def test_rows_of_a_group_become_the_lines_of_one_event(run: Ingest, write: Write, log: EventLog) -> None:
    result = run(RECEIPTS, write("receipts.csv", RECEIPT_ROWS))
    assert (result.rows, result.published, result.invalid) == (3, 2, 0)
    found = {each["receipt_id"]: each for each in details(log)}
    assert found["r1"]["subtotal_amount"] == "0.30"
    lines = [
        (line["line_number"], line["sku"], line["quantity"], line["net_amount"])
        for line in found["r1"]["lines"]
    ]
    assert lines == [(1, "milk", 1, "0.10"), (2, "eggs", 0, "0.20")]


def test_lines_stand_in_the_order_asked_for(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = replacing(
        RECEIPTS, "        id: [receipt]", "        order_by: [article]\n        id: [receipt]"
    )
    run(mapping, write("receipts.csv", RECEIPT_ROWS))
    found = {each["receipt_id"]: each for each in details(log)}
    assert [(line["line_number"], line["sku"]) for line in found["r1"]["lines"]] == [(1, "eggs"), (2, "milk")]


def test_without_groups_a_row_is_an_event_of_one_line(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = replacing(RECEIPTS, "        group_by: [receipt, shop, closed]\n", "")
    run(mapping.replace("sum(value::DECIMAL(18, 2))", "value"), write("receipts.csv", RECEIPT_ROWS))
    assert [len(each["lines"]) for each in details(log)] == [1, 1, 1]


def test_many_rows_are_grouped_a_part_at_a_time(
    run: Ingest, write: Write, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_drop, "ROWS_AT_ONCE", 10)
    rows = "".join(f"r{n % 40},s1,2026-01-02 10:00:00,a{n},1,0.01\n" for n in range(100))
    result = run(RECEIPTS, write("receipts.csv", "receipt,shop,closed,article,pieces,value\n" + rows))
    assert (result.rows, result.published, result.invalid) == (100, 40, 0)
    assert sum(len(each["lines"]) for each in details(log)) == 100
    assert len(set(event_ids(log))) == 40


def test_a_column_that_is_not_grouped_must_be_aggregated(run: Ingest, write: Write) -> None:
    mapping = replacing(RECEIPTS, "store_id: shop", "store_id: till")
    with pytest.raises(MappingError, match=r"store_id: till has several values in a group; .*min\(till\)"):
        run(
            mapping,
            write(
                "receipts.csv",
                RECEIPT_ROWS.replace(",value", ",value,till").replace("0\n", "0,t\n").replace("8\n", "8,t\n"),
            ),
        )


# Ids


def test_the_same_drop_makes_the_same_ids(run: Ingest, write: Write, log: EventLog) -> None:
    drop = write("receipts.csv", RECEIPT_ROWS)
    run(RECEIPTS, drop)
    first = sorted(event_ids(log))
    run(RECEIPTS, drop)
    assert sorted(event_ids(log)) == sorted([*first, *first])
    assert len(set(first)) == 2


def test_ids_differ_by_source_event_type_and_column(run: Ingest, write: Write, log: EventLog) -> None:
    drop = write("a.csv", "number,since,sku,name\n1,2026-01-01,1,n\n12,2026-01-01,12,n\n")
    run(CUSTOMERS, drop)
    run(replacing(CUSTOMERS, "source: crm", "source: other"), drop)
    run(replacing(CUSTOMERS, "id: [number]", "id: [number, since]"), drop)
    run(PRODUCTS, drop)
    assert len(set(event_ids(log))) == 8


def test_a_content_id_changes_with_the_content(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = replacing(PRODUCTS, "id: [sku]", "id: content")
    run(mapping, write("a.csv", "sku,name\ns1,old\ns2,same\n"))
    run(mapping, write("a.csv", "sku,name\ns1,new\ns2,same\n"))
    ids = event_ids(log)
    assert ids[0] != ids[2]
    assert ids[1] == ids[3]


def test_a_row_without_its_id_is_invalid(run: Ingest, write: Write) -> None:
    result = run(replacing(PRODUCTS, "sku: sku", "sku: name"), write("a.csv", "sku,name\n,n\ns2,n\n"))
    assert (result.published, result.invalid) == (2, 1)


# Sections


def test_one_mapping_may_hold_several_sections(run: Ingest, write: Write) -> None:
    products = replacing(PRODUCTS, "source: pim", "file: 'goods*.csv'\n        source: pim").replace(
        "    events:\n", ""
    )
    result = run(
        RECEIPTS + products, write("receipts.csv", RECEIPT_ROWS), write("goods1.csv", "sku,name\ns1,n\n")
    )
    assert [(each.event_type, each.rows, each.published) for each in result.sections] == [
        ("sale_completed", 3, 2),
        ("product_updated", 1, 1),
    ]
    assert (result.rows, result.published, result.skipped, result.invalid) == (4, 3, 0, 0)


def test_rows_that_where_leaves_out_are_counted(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = replacing(
        PRODUCTS, "        source: pim", "        where: kind <> 'service'\n        source: pim"
    )
    result = run(mapping, write("a.csv", "sku,name,kind\ns1,n,good\ns2,n,service\ns3,n,\n"))
    assert (result.rows, result.skipped, result.published) == (3, 2, 1)
    assert [each["sku"] for each in details(log)] == ["s1"]


def test_an_empty_drop_publishes_nothing(run: Ingest, write: Write) -> None:
    assert run(PRODUCTS, write("a.csv", "sku,name\n")).published == 0
