"""Iceberg tables to test with: a small table of things, written as a run writes it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import pyarrow as pa

from lakehouse.datafiles import PartitionedWriter, WrittenFile, describe, target_of
from lakehouse.lake import Lake
from lakehouse.releases import Move

THINGS: Final = "curated.things"
SCHEMA: Final = pa.schema(
    [
        ("name", pa.string()),
        ("amount", pa.decimal128(18, 4)),
        ("occurred_at", pa.timestamp("us")),
        ("parts", pa.list_(pa.struct([("sku", pa.string()), ("weight", pa.float64())]))),
    ]
)


def thing(name: str, day: int = 1, **cells: Any) -> dict[str, Any]:
    """One row; `day` is in November 2026."""
    at = dt.datetime(2026, 11, day, 9, 30)  # noqa: DTZ001 times in tables carry no zone
    return {"name": name, "occurred_at": at, **cells}


def things(lake: Lake, schema: pa.Schema = SCHEMA) -> Any:
    """The table, made or widened."""
    return lake.catalogue.ensure(THINGS, schema, "occurred_at")


def write(table: Any, run_id: str, *rows: dict[str, Any]) -> list[WrittenFile]:
    """Rows as finished Parquet files that no snapshot names yet."""
    target = target_of(table, run_id)
    writer = PartitionedWriter(target, "things")
    writer.write(
        pa.Table.from_pylist(list(rows), schema=pa.schema([pa.field(f.name, f.type) for f in target.schema]))
    )
    return writer.close()


def stage(lake: Lake, run_id: str, *rows: dict[str, Any], schema: pa.Schema = SCHEMA) -> Move:
    """Rows on the run's branch."""
    table = things(lake, schema)
    return lake.catalogue.stage(table, run_id, describe(table, write(table, run_id, *rows)))


def publish(lake: Lake, run_id: str, *rows: dict[str, Any], schema: pa.Schema = SCHEMA) -> Move:
    """Rows on main."""
    move = stage(lake, run_id, *rows, schema=schema)
    lake.catalogue.publish(THINGS, run_id, move)
    return move


def names(lake: Lake) -> list[str]:
    """What a reader of main sees, by pyiceberg's own scan."""
    return sorted(lake.catalogue.load(THINGS).scan().to_arrow()["name"].to_pylist())  # type: ignore[union-attr]
