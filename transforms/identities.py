"""Identities: which identifiers were seen together, by day."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_schema

_SQL: Final = Path(__file__).with_name("identity_edges.sql").read_text(encoding="utf-8")


@cache
def columns(table: str) -> pa.Schema:
    """The columns of a derived table, less the one that names its run."""
    return arrow_schema(f for f in load_declarations().tables[table].fields if f.name != "run_id")


def edges(connection: duckdb.DuckDBPyConnection, events: pa.Table) -> pa.Table:
    """Rows of `identity_edges` for the days of some events.

    Args:
        connection: a DuckDB connection.
        events: all events of one or several days, with event_id, event_type, occurred_at and what `identity_edges` reads.
    """
    connection.register("events", events)
    result = connection.sql(_SQL).to_arrow_table()
    connection.unregister("events")
    return result.select(columns("identity_edges").names).cast(columns("identity_edges"))
