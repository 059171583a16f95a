"""Copies and conflicts: which record of an event counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

_SQL: Final = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")

IDS: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("payload_hash", pa.int64()),
        ("event_type", pa.string()),
        ("occurred_date", pa.date32()),
        ("ingested_at", pa.timestamp("us")),
        ("raw_object", pa.string()),
        ("raw_record", pa.int64()),
    ]
)
"""What deduplication looks at: one row a record."""


@dataclass(frozen=True, slots=True)
class Deduplication:
    """What came of it.

    `dropped` are records of this run that are not curated (IDS columns and `fate`, duplicate or conflict). `displaced` are
    records of earlier runs whose fate changed (IDS columns, `fate_before`, `fate`).
    """

    dropped: pa.Table
    displaced: pa.Table


def deduplicate(
    connection: duckdb.DuckDBPyConnection, found: pa.Table, known: pa.Table, withdrawn: pa.Table | None = None
) -> Deduplication:
    """Settle the fate of every record of a run.

    Args:
        connection: a DuckDB connection, in which temporary tables are made.
        found: this run's records (IDS).
        known: records of earlier runs with an id that `found` or `withdrawn` has (IDS).
        withdrawn: records of earlier runs that this one takes back, and judges anew where `found` has them (IDS).
    """
    tables = {
        "found": found,
        "known": known,
        "withdrawn": IDS.empty_table() if withdrawn is None else withdrawn,
    }
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute(_SQL)
    result = Deduplication(
        dropped=_arrow(connection, "select * from fates where not is_known and fate <> 'curated'"),
        displaced=_arrow(connection, "select * from fates where is_known and fate <> fate_before"),
    )
    for name in tables:
        connection.unregister(name)
    return result


def _arrow(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return connection.sql(sql).to_arrow_table()
