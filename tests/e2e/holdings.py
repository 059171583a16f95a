"""What a lake holds, less where it came from: lakes that hold the same are the same to every question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
from records import DECLARATIONS

from contracts.layout import CURATED, LEDGER, MARTS, QUARANTINE
from lakehouse.duck import open_duckdb
from lakehouse.lake import Lake
from lakehouse.releases import Release
from lakehouse.sql import create_views, views

LEFT_OUT: Final = DECLARATIONS.envelope.provenance | DECLARATIONS.envelope.transport
"""Columns of curated rows that depend on which delivery and which run a row was read from."""

REJECTED: Final = (
    "raw_object", "raw_record", "stage", "error_type", "field", "event_type", "event_id", "record",
)  # fmt: skip
FATES: Final = ("records", "curated", "duplicates", "quarantined", "erased")

Rows = list[str]


def newest(lake: Lake) -> Release:
    """The newest release, which there must be."""
    release = lake.releases.latest()
    assert release is not None
    return release


@contextmanager
def opened(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB over the tables of the newest release."""
    release = newest(lake)
    with open_duckdb(lake.warehouse.location) as connection:
        create_views(
            connection, (v for v in views(lake, release) if f"{v.schema}.{v.name}" in release.tables)
        )
        yield connection


def ask(lake: Lake, sql: str) -> list[dict[str, Any]]:
    """Rows of the newest release."""
    with opened(lake) as connection:
        return _asked(connection, sql)


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def holdings(lake: Lake, *, without: frozenset[str] = LEFT_OUT) -> dict[str, Rows]:
    """Every curated row and every rejected record, as JSON in order; tables without rows are left out."""
    left_out = ", ".join(sorted(without))
    shapes = dict.fromkeys(curated_tables(lake), f"* exclude ({left_out})")
    return _rows(lake, {**shapes, QUARANTINE: ", ".join(REJECTED)})


def derived(lake: Lake) -> dict[str, Rows]:
    """Every row of every derived table less the run that wrote it, as JSON in order."""
    return _rows(lake, {table.identifier: "* exclude (run_id)" for table in DECLARATIONS.derived.values()})


def curated_tables(lake: Lake) -> list[str]:
    """The tables of events that there are."""
    others = {table.identifier for table in DECLARATIONS.derived.values()}
    return [table for table in newest(lake).tables if table.startswith(f"{CURATED}.") and table not in others]


def marts(lake: Lake) -> dict[str, Rows]:
    """Every row of every mart, as JSON in order."""
    return _rows(lake, {table: "*" for table in newest(lake).tables if table.startswith(f"{MARTS}.")})


def _rows(lake: Lake, shapes: dict[str, str]) -> dict[str, Rows]:
    present = {table: columns for table, columns in sorted(shapes.items()) if table in newest(lake).tables}
    with opened(lake) as connection:
        found = {
            table: connection.sql(
                f"select to_json(t)::varchar as row from (select {columns} from {table}) t order by 1"
            ).fetchall()
            for table, columns in present.items()
        }
    return {table: [text for (text,) in rows] for table, rows in found.items() if rows}


def accounts(lake: Lake) -> dict[str, dict[str, int]]:
    """Sums of the ledger, by raw object."""
    with opened(lake) as connection:
        return _accounts(connection)


def _accounts(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    sums = ", ".join(f"sum({fate})::bigint as {fate}" for fate in FATES)
    rows = _asked(connection, f"select raw_object, {sums} from {LEDGER} group by raw_object")
    return {row.pop("raw_object"): row for row in rows}


def assert_conserved(lake: Lake) -> None:
    """Every record of every object is somewhere, once: by the ledger and by the rows that are there."""
    tables = newest(lake).tables
    with opened(lake) as connection:
        curated = _counted(connection, curated_tables(lake))
        rejected = _counted(connection, [t for t in tables if t == QUARANTINE])
        found = _accounts(connection)
    for raw_object, account in found.items():
        fates = [account[fate] for fate in FATES if fate != "records"]
        assert account["records"] == sum(fates), raw_object
        assert min(fates) >= 0, raw_object
        assert account["curated"] == curated.get(raw_object, 0), raw_object
        assert account["quarantined"] == rejected.get(raw_object, 0), raw_object


def _counted(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> dict[str, int]:
    rows = " union all ".join(f"select raw_object from {table}" for table in tables)
    if not rows:
        return {}
    sql = f"select raw_object, count(*) as n from ({rows}) group by raw_object"
    return {row["raw_object"]: row["n"] for row in _asked(connection, sql)}


def files_of(root: Path, accept: Callable[[Path], bool] = lambda _: True) -> dict[str, tuple[int, int]]:
    """Every file under a folder with its size and the time of its last change."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file() and accept(path))
    return {
        path.relative_to(root).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns) for path in found
    }


def parquet_files(lake: Lake) -> set[str]:
    """Paths of every data file there is."""
    return {str(path) for path in (lake.root / "warehouse").rglob("*.parquet")}


def named_parquet_files(lake: Lake) -> set[str]:
    """Paths of every data file that some release names."""
    return {
        file.file_path.removeprefix("file://")
        for release in lake.releases.since(0)
        for table, snapshot in release.tables.items()
        for file in lake.catalogue.files(table, snapshot)
    }


def branches(lake: Lake) -> set[str]:
    """Every branch of every table, main aside."""
    tables = (lake.catalogue.load(identifier) for identifier in lake.catalogue.identifiers())
    return {ref for table in tables if table for ref in table.refs()} - {"main"}
