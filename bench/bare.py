"""The yardstick: what a careful person writes by hand in DuckDB.

It parses, deduplicates by event_id and writes the same tables
and day partitions as Parquet. It validates nothing, keeps no quarantine and no ledger.

Usage: python -m bench.bare RAW OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from contracts.declarations import load_declarations
from contracts.fields import Field, Kind
from lakehouse.sql import duckdb_type


def main(raw: str, out: str) -> None:
    """Curate `raw` into Parquet under `out`, by hand."""
    declarations = load_declarations()
    connection = duckdb.connect()
    connection.execute("set threads = 2; set preserve_insertion_order = false; set timezone = 'UTC'")
    connection.execute(
        'create temp table events as select "detail-type" as event_type, source, time, detail from read_json('
        f"'{raw}/**/*.json.gz', format = 'newline_delimited', hive_partitioning = false,"
        " columns = {'detail-type': 'VARCHAR', 'source': 'VARCHAR', 'time': 'TIMESTAMPTZ', 'detail': 'JSON'})"
    )
    Path(out).mkdir(parents=True)
    for name, event in declarations.events.items():
        metadata = declarations.envelope.columns_before
        structure = json.dumps({"metadata": _structure(metadata), **_structure(event.latest.fields)})
        columns = [f'detail.metadata."{f.name}"' for f in metadata] + [
            f'detail."{f.name}"' for f in event.latest.fields
        ]
        connection.execute(
            f"copy (select distinct on (event_id) *, cast(occurred_at as date) as day from (select {', '.join(columns)}, source,"
            f" time as ingested_at from (select source, time, json_transform(detail, '{structure}') as detail from events"
            f" where event_type = '{name}'))) to '{out}/{name}' (format parquet, compression zstd, partition_by (day))"
        )


def _structure(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {f.name: _node(f) for f in fields}


def _node(field: Field) -> Any:
    if field.kind is Kind.OBJECT:
        return _structure(field.members)
    if field.kind is Kind.ARRAY and field.element is not None:
        return [_node(field.element)]
    return duckdb_type(field)


if __name__ == "__main__":
    main(*sys.argv[1:])
