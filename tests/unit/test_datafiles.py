from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.conversions import from_bytes

from lakehouse.datafiles import PartitionedWriter, describe, fit, partition_day, readable, target_of
from lakehouse.lake import Lake
from tests.tables import SCHEMA, THINGS, names, publish, thing, things, write

ROWS = [
    thing(
        "b", 2, amount=Decimal("1.5000"), parts=[{"sku": "x", "weight": 2.5}, {"sku": "y", "weight": None}]
    ),
    thing("a", 1, amount=Decimal("-3.0000")),
    thing("c", 2, parts=[]),
    thing("é", 2, amount=Decimal("99999999999999.9999")),
]


def bounds(table: Any, file: Any, column: str) -> tuple[Any, Any]:
    field = table.schema().find_field(column)
    return tuple(
        from_bytes(field.field_type, which[field.field_id])
        for which in (file.lower_bounds, file.upper_bounds)
    )  # type: ignore[return-value]


def test_rows_in_any_order_become_one_file_a_day(lake: Lake) -> None:
    table = things(lake)
    writer = PartitionedWriter(target_of(table, "r1"), "things")
    for row in ROWS:
        writer.write(pa.Table.from_pylist([row], schema=SCHEMA))
    files = {Path(f.path).parent.name: pq.read_table(f.path, partitioning=None) for f in writer.close()}
    assert {day: rows["name"].to_pylist() for day, rows in files.items()} == {
        "occurred_at_day=2026-11-01": ["a"],
        "occurred_at_day=2026-11-02": ["b", "c", "é"],
    }


def test_a_file_is_named_by_its_run_and_lies_in_its_partition(lake: Lake) -> None:
    (file,) = write(things(lake), "r1", thing("a"))
    assert file.path.endswith("/data/occurred_at_day=2026-11-01/r1-things.parquet")
    assert file.size == Path(file.path).stat().st_size
    assert file.day == (dt.date(2026, 11, 1) - dt.date(1970, 1, 1)).days


def test_a_table_without_partitions_has_one_file(lake: Lake) -> None:
    table = lake.catalogue.ensure(THINGS, SCHEMA, None)
    (file,) = write(table, "r1", *ROWS)
    assert (file.day, Path(file.path).parent.name) == (None, "data")
    assert [partition_day(d) for d in describe(table, [file])] == [None]


def test_a_writer_without_rows_writes_no_file(lake: Lake) -> None:
    assert PartitionedWriter(target_of(things(lake), "r1"), "things").close() == []


def test_files_carry_the_field_ids_of_the_table(lake: Lake) -> None:
    table = things(lake)
    schema = pq.read_schema(write(table, "r1", *ROWS)[0].path)
    ids = {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema}
    assert ids == {f.name: f.field_id for f in table.schema().fields}


def test_a_file_is_described_with_its_statistics(lake: Lake) -> None:
    table = things(lake)
    entries = {partition_day(f): f for f in describe(table, write(table, "r1", *ROWS))}
    file = entries[max(entries, key=int)]  # type: ignore[arg-type]
    columns = {f.name: f.field_id for f in table.schema().fields}
    assert (file.record_count, file.file_size_in_bytes) == (3, Path(readable(file)).stat().st_size)
    assert bounds(table, file, "name") == ("b", "é")
    assert bounds(table, file, "amount") == (Decimal("1.5000"), Decimal("99999999999999.9999"))
    assert file.null_value_counts[columns["amount"]] == 1
    assert file.value_counts[columns["name"]] == 3
    assert file.column_sizes
    assert file.split_offsets


def test_pyiceberg_scans_what_was_written_and_finds_rows_by_their_statistics(lake: Lake) -> None:
    publish(lake, "r1", *ROWS)
    assert names(lake) == ["a", "b", "c", "é"]
    table = things(lake)
    for where, found in [
        ("name = 'é'", ["é"]),
        ("amount < 0", ["a"]),
        ("amount is null", ["c"]),
        ("name = 'zz'", []),
    ]:
        assert table.scan(row_filter=where).to_arrow()["name"].to_pylist() == found
    assert len(list(table.scan(row_filter="name = 'A'").plan_files())) == 0
    assert len(list(table.scan(row_filter="amount < 0").plan_files())) == 1


def test_nested_cells_come_back_as_they_were(lake: Lake) -> None:
    files = [f.path for f in write(things(lake), "r1", *ROWS)]
    found = {row["name"]: row for path in files for row in pq.read_table(path, partitioning=None).to_pylist()}
    assert found == {row["name"]: {"amount": None, "parts": None, **row} for row in ROWS}


@pytest.mark.parametrize("year", [1, 1600, 9999])
def test_years_at_the_edge_have_their_day(year: int, lake: Lake) -> None:
    row = {"name": "a", "occurred_at": dt.datetime(year, 12, 31, 23, 59, 59, 999_999)}  # noqa: DTZ001 no zone in tables
    (file,) = describe(things(lake), write(things(lake), "r1", row))
    assert partition_day(file) == (dt.date(year, 12, 31) - dt.date(1970, 1, 1)).days


def test_target_schemas_use_small_types(lake: Lake) -> None:
    types = {f.name: f.type for f in target_of(things(lake), "r1").schema}
    assert types["name"] == pa.string()
    assert pa.types.is_list(types["parts"])
    assert types["parts"].value_type.field("sku").type == pa.string()


def test_fitting_orders_casts_and_fills_columns() -> None:
    wanted = pa.schema([("a", pa.string()), ("b", pa.int64()), ("c", pa.string())])
    given = pa.table({"b": pa.array([1], pa.int32()), "a": ["x"], "z": [9]})
    assert fit(given, wanted).to_pylist() == [{"a": "x", "b": 1, "c": None}]
    assert fit(given, wanted).schema == wanted


def test_fitting_fills_fields_that_are_new_inside_a_list() -> None:
    old, new = pa.struct([("sku", pa.string())]), pa.struct([("sku", pa.string()), ("colour", pa.string())])
    given = pa.table({"parts": pa.array([[{"sku": "x"}], None], pa.list_(old))})
    assert fit(given, pa.schema([("parts", pa.list_(new))])).to_pylist() == [
        {"parts": [{"sku": "x", "colour": None}]},
        {"parts": None},
    ]
