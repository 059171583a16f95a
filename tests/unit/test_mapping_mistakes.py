from __future__ import annotations

from pathlib import Path

import mapped
import pytest
from mapped import PRODUCTS, RECEIPT_ROWS, RECEIPTS, Ingest, Write, replacing

from contracts.declarations import load_declarations
from contracts.errors import MappingError
from ingestion.event_log import EventLog
from lakehouse.mappings import load_mapping

log, write, run = mapped.log, mapped.write, mapped.run


# Mistakes in a mapping


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "event_type: product_updated",
            "event_type: product_update",
            "'product_update'; did you mean product_updated",
        ),
        ("sku: sku\n          name", "skuu: sku\n          name", "no field 'skuu'; did you mean sku"),
        ("name: name", "brand: name", "demands 'name'; map it"),
        ("{constant: true}", "{constant: 'yes'}", "constant 'yes' does not fit is_active"),
        ("name: name", "name: name +", "no SQL expression"),
        ("name: name", "name: 'a) FROM x WHERE (b'", "more than one expression"),
        ("name: name", "name: 'a), (b'", "more than one expression"),
        ("name: name", "name: '1); DROP TABLE _drop; SELECT (2'", "no SQL expression"),
        ("name: name", "name: 5", r"write \{constant: 5\}"),
        ("name: name", "name: {column: a, constant: b}", "exactly one of"),
        ("name: name", "name: {fields: {a: b}}", "no fields of its own"),
        ("name: name", "name: {colum: a}", "'colum' is not supported"),
        ("id: [sku]", "id: sku", "list of column names"),
        ("        id: [sku]\n", "", "lacks 'id'"),
        ("id: [sku]", "id: [sku]\n        group_by: [name]", "'sku' is not among the group_by"),
        ("id: [sku]", "id: [sku]\n        channel: shop", "channel 'shop' is not one of"),
        ("id: [sku]", "id: [sku]\n        schema_version: 9", "no version 9"),
        ("id: [sku]", "id: [sku]\n        historical: maybe", "true or false"),
        ("        source: pim\n", "", "lacks 'source'"),
        ("id: [sku]", "ids: [sku]", "'ids' is not supported"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(write: Write, old: str, new: str, message: str) -> None:
    path = write("mapping.yaml", replacing(PRODUCTS, old, new))
    with pytest.raises(MappingError, match=rf"mapping\.yaml:\d+: .*{message}"):
        load_mapping(path, load_declarations())


@pytest.mark.parametrize("text", ["events: {}", "events: [", "- a", "events: []", "more: 1"])
def test_a_file_that_is_no_mapping_is_refused(write: Write, text: str) -> None:
    with pytest.raises(MappingError, match=r"mapping\.yaml"):
        load_mapping(write("mapping.yaml", text), load_declarations())


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml", load_declarations())


# Mistakes in a drop


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: name", "name: {column: tittle}"),
        ("name: name", "name: upper(tittle)"),
        ("id: [sku]", "id: [tittle]"),
        ("TIMESTAMP '2026-01-01 10:00'", "tittle"),
    ],
)
def test_a_missing_column_is_named_with_the_ones_there_are(
    run: Ingest, write: Write, log: EventLog, old: str, new: str
) -> None:
    expected = r"mapping\.yaml:\d+: .*a\.csv has no column 'tittle'; did you mean Title\? There are: sku, name, Title"
    with pytest.raises(MappingError, match=expected):
        run(replacing(PRODUCTS, old, new), write("a.csv", "sku,name,Title\ns1,n,t\n"))
    assert len(log) == 0


def test_a_function_that_is_not_there_is_named(run: Ingest, write: Write) -> None:
    with pytest.raises(MappingError, match=r"mapping\.yaml:\d+: name: .*frob does not exist"):
        run(replacing(PRODUCTS, "name: name", "name: frob(name)"), write("a.csv", "sku,name\ns1,n\n"))


def test_an_expression_that_fails_on_a_value_says_in_which_column(run: Ingest, write: Write) -> None:
    with pytest.raises(MappingError, match=r"product_updated: .*column name.* Use TRY_CAST"):
        run(replacing(PRODUCTS, "name: name", "name: name::INTEGER"), write("a.csv", "sku,name\ns1,n\n"))


def test_an_expression_reads_nothing_but_the_drop(run: Ingest, write: Write) -> None:
    secret = write("secret.csv", "word\nx\n")
    mapping = replacing(PRODUCTS, "name: name", f"name: (SELECT min(word) FROM read_csv('{secret}'))")
    with pytest.raises(MappingError, match="Cannot access"):
        run(mapping, write("a.csv", "sku,name\ns1,n\n"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.parquet", b"no parquet"),
        ("a.ndjson", b'{"sku": "s1", "name": "n"}\n{broken\n'),
        ("a.csv", b"sku,name\ns1,n\ns2,n,too,many\n"),
        ("a.csv", b"sku,name\ns1,n\ns2\n"),
        ("a.csv", b"sku,name\ns1,\xff\n"),
        ("a.csv", b"\xff\xfe\n"),
        ("a.csv", b""),
        ("a.csv", b"sku,name,SKU\n"),
        ("a.csv.gz", b"no gzip"),
        ("a.xlsx", b""),
    ],
)
def test_a_file_that_cannot_be_read_publishes_nothing(
    run: Ingest, log: EventLog, tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MappingError, match=name):
        run(PRODUCTS, tmp_path / name)
    assert len(log) == 0


def test_a_file_that_is_not_there(run: Ingest, tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none\.csv is not there"):
        run(PRODUCTS, tmp_path / "none.csv")


def test_a_file_that_no_section_reads_is_refused(run: Ingest, write: Write, log: EventLog) -> None:
    with pytest.raises(MappingError, match=r"No section of .* reads stray\.csv; they read: receipts\*"):
        run(RECEIPTS, write("receipts.csv", RECEIPT_ROWS), write("stray.csv", "a\n1\n"))
    assert len(log) == 0
