from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import mapped
import pytest
from mapped import CUSTOMERS, PRODUCTS, RECEIPT_ROWS, RECEIPTS, Ingest, Write, adding, details, replacing

from ingestion.event_log import EventLog

log, write, run = mapped.log, mapped.write, mapped.run


# Formats


def parquet(path: Path, query: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}'")
    return path


def test_the_same_rows_make_the_same_events_from_every_format(
    run: Ingest, write: Write, log: EventLog, tmp_path: Path
) -> None:
    run(CUSTOMERS, write("a.csv", "number,since\n007,2026-01-01T00:00:00Z\n"))
    run(CUSTOMERS, write("a.tsv", "number\tsince\n007\t2026-01-01T01:00:00+01:00\n"))
    run(CUSTOMERS, write("a.ndjson", '{"number": "007", "since": "2026-01-01T00:00:00Z"}\n'))
    run(CUSTOMERS, parquet(tmp_path / "a.parquet", "SELECT '007' AS number, TIMESTAMP '2026-01-01' AS since"))
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("number,since\n007,2026-01-01\n")
    run(CUSTOMERS, tmp_path / "a.csv.gz")
    found = details(log)
    assert len(found) == 5
    assert all(each == found[0] for each in found)
    assert found[0]["customer_id"] == "007"
    assert found[0]["metadata"]["occurred_at"] == "2026-01-01T00:00:00.000000Z"


def test_a_csv_may_state_its_delimiter_and_encoding(run: Ingest, log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("sku;name\ns1;caf\xe9\n".encode("latin-1"))
    dialect = "        delimiter: ';'\n        encoding: latin-1\n        source: pim"
    run(replacing(PRODUCTS, "        source: pim", dialect), tmp_path / "a.csv")
    assert details(log)[0]["name"] == "café"


def test_quoted_delimiters_and_newlines_stay_in_their_value(run: Ingest, write: Write, log: EventLog) -> None:
    run(PRODUCTS, write("a.csv", 'sku,name\ns1,"soap, ""mild""\nand soft"\n'))
    assert details(log)[0]["name"] == 'soap, "mild"\nand soft'


def test_nested_ndjson_is_reached_by_sql(run: Ingest, write: Write, log: EventLog) -> None:
    drop = write("a.ndjson", '{"sku": "s1", "texts": {"en": "Soap"}, "sizes": [1.5]}\n')
    run(adding(replacing(PRODUCTS, "name: name", "name: texts.en"), "weight_grams: sizes[1]"), drop)
    assert (details(log)[0]["name"], details(log)[0]["weight_grams"]) == ("Soap", 1.5)


def test_a_json_column_of_several_types_gives_plain_text(run: Ingest, write: Write, log: EventLog) -> None:
    run(PRODUCTS, write("a.ndjson", '{"sku": 1, "name": "a"}\n{"sku": "2", "name": "b"}\n'))
    assert [each["sku"] for each in details(log)] == ["1", "2"]


def test_files_of_one_section_may_differ_in_columns(run: Ingest, write: Write, log: EventLog) -> None:
    files = write("a.csv", "sku,name\ns1,one\n"), write("b.csv", "name,sku,more\ntwo,s2,x\n")
    result = run(PRODUCTS, *files)
    assert (result.rows, result.published) == (2, 2)
    assert sorted(each["sku"] for each in details(log)) == ["s1", "s2"]


# Values


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("weight_grams", "12.5", 12.5),
        ("is_weighed", "true", True),
        ("launch_date", "2026-01-31", "2026-01-31"),
        ("list_price_amount", "1.50", "1.50"),
        ("brand", 'A "B" \\ C', 'A "B" \\ C'),
    ],
)
def test_a_value_is_cast_to_what_its_field_is(
    run: Ingest, write: Write, log: EventLog, field: str, value: str, expected: object
) -> None:
    quoted = value.replace('"', '""')
    result = run(adding(PRODUCTS, f"{field}: v"), write("a.csv", f'sku,name,v\ns1,n,"{quoted}"\n'))
    assert details(log)[0][field] == expected
    assert result.invalid == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight_grams", "heavy"),
        ("weight_grams", "inf"),
        ("is_weighed", "perhaps"),
        ("launch_date", "31/31/2026"),
        ("list_price_amount", "1.23456"),
        ("list_price_amount", "1,50"),
    ],
)
def test_a_value_that_cannot_be_cast_goes_on_as_it_was_and_is_invalid(
    run: Ingest, write: Write, log: EventLog, field: str, value: str
) -> None:
    result = run(adding(PRODUCTS, f"{field}: v"), write("a.csv", f'sku,name,v\ns1,n,"{value}"\ns2,n,\n'))
    assert (result.published, result.invalid) == (2, 1)
    assert details(log)[0][field] == value


def test_a_whole_number_is_never_rounded_into_being(run: Ingest, write: Write, log: EventLog) -> None:
    result = run(
        RECEIPTS,
        write("receipts.csv", RECEIPT_ROWS.replace("milk,1,", "milk,1.5,").replace("bread,2,", "bread,2.0,")),
    )
    assert result.invalid == 1
    quantities = [[line["quantity"] for line in each["lines"]] for each in details(log)]
    assert sorted(quantities, key=len) == [[2], ["1.5", 0]]


def test_a_null_is_left_out(run: Ingest, write: Write, log: EventLog) -> None:
    run(adding(PRODUCTS, "brand: brand"), write("a.csv", "sku,name,brand\ns1,n,\n"))
    assert "brand" not in details(log)[0]


def test_money_from_floats_must_be_exact_or_rounded_on_purpose(
    run: Ingest, log: EventLog, tmp_path: Path
) -> None:
    drop = parquet(
        tmp_path / "a.parquet",
        "SELECT 's' AS sku, 'n' AS name, 3.8000000000000003::DOUBLE AS a, 3.8::DOUBLE AS b",
    )
    mapping = adding(PRODUCTS, "list_price_amount: a", "cost_amount: b")
    assert run(mapping, drop).invalid == 1
    assert (details(log)[0]["list_price_amount"], details(log)[0]["cost_amount"]) == (
        "3.8000000000000003",
        "3.8000",
    )
    assert run(replacing(mapping, "amount: a", "amount: a::DECIMAL(18, 2)"), drop).invalid == 0
    assert details(log)[1]["list_price_amount"] == "3.80"


def test_a_column_of_any_name_is_safe(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = adding(PRODUCTS, "brand: {column: 'Bra\"nd; DROP TABLE x--'}")
    run(mapping, write("a.csv", 'sku,name,"Bra""nd; DROP TABLE x--"\ns1,n,Acme\n'))
    assert details(log)[0]["brand"] == "Acme"


def test_a_lookup_changes_the_values_it_knows(run: Ingest, write: Write, log: EventLog) -> None:
    lookup = 'lookup: {Own: private_label, "O\'Hara": licensed, none: null}'
    mapping = adding(
        PRODUCTS,
        f"brand_type: {{column: kind, {lookup}}}",
        "is_weighed: {column: w, lookup: {J: true, N: false}}",
    )
    result = run(
        mapping, write("a.csv", "sku,name,kind,w\ns1,n,Own,J\ns2,n,O'Hara,N\ns3,n,none,\ns4,n,Else,\n")
    )
    assert [each.get("brand_type") for each in details(log)] == ["private_label", "licensed", None, "Else"]
    assert [each.get("is_weighed") for each in details(log)] == [True, False, None, None]
    assert result.invalid == 1


def test_a_format_reads_dates_of_the_house(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = adding(PRODUCTS, 'launch_date: {column: day, format: "%d/%m/%Y"}')
    mapping = replacing(mapping, "TIMESTAMP '2026-01-01 10:00'", '{column: day, format: "%d/%m/%Y"}')
    result = run(mapping, write("a.csv", "sku,name,day\ns1,n,05/02/2026\ns2,n,soon\n"))
    assert details(log)[0]["launch_date"] == "2026-02-05"
    assert details(log)[0]["metadata"]["occurred_at"] == "2026-02-05T00:00:00.000000Z"
    assert details(log)[1]["metadata"]["occurred_at"] == "soon"
    assert result.invalid == 1


def test_an_object_without_values_is_left_out(run: Ingest, write: Write, log: EventLog) -> None:
    mapping = adding(CUSTOMERS, "address:", "  fields: {country_code: land, city: city}")
    run(mapping, write("a.csv", "number,since,land,city\n1,2026-01-01,PT,Porto\n2,2026-01-01,,\n"))
    assert details(log)[0]["address"] == {"country_code": "PT", "city": "Porto"}
    assert "address" not in details(log)[1]


def test_metadata_says_what_the_section_says(run: Ingest, write: Write, log: EventLog) -> None:
    more = "source: crm\n        producer: exporter\n        channel: store\n        tenant: north\n        historical: true"
    run(replacing(CUSTOMERS, "source: crm", more), write("a.csv", "number,since\n1,2026-01-01\n"))
    metadata = details(log)[0]["metadata"]
    assert [metadata[key] for key in ("producer", "channel", "tenant", "is_historical")] == [
        "exporter",
        "store",
        "north",
        True,
    ]
