"""SQL over a release: a DuckDB connection with a view for every table, and nothing else to hold open or lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pyiceberg.manifest import DataFile

from contracts.errors import UsageError
from contracts.fields import Field, Kind
from contracts.layout import CURATED, MARTS, PLATFORM, curated_table
from lakehouse.datafiles import columns_in, readable
from lakehouse.duck import open_duckdb, storage_error
from lakehouse.lake import Lake
from lakehouse.releases import Release

_SCALARS: Mapping[Kind, str] = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE_TIME: "TIMESTAMP",
    Kind.DATE: "DATE",
    Kind.MONEY: "DECIMAL(18,4)",
    Kind.RATE: "DECIMAL(18,10)",
    Kind.BYTES: "BLOB",
}


@dataclass(frozen=True, slots=True)
class View:
    """A table as readers see it: its name, and the query over the files of one snapshot."""

    schema: str
    name: str
    query: str


def duckdb_type(field: Field) -> str:
    """DuckDB's type of a declared field."""
    if field.kind is Kind.OBJECT:
        return f"STRUCT({', '.join(f'{_quoted(f.name)} {duckdb_type(f)}' for f in field.members)})"
    if field.kind is Kind.ARRAY and field.element is not None:
        return f"{duckdb_type(field.element)}[]"
    return _SCALARS[field.kind]


def release_of(lake: Lake, number: int | None = None) -> Release | None:
    """The release of that number, or the newest; None in a lake that has none yet."""
    return lake.releases.latest() if number is None else lake.releases.get(number)


def views(
    lake: Lake, release: Release | None, *, schemas: Iterable[str] = (CURATED, PLATFORM, MARTS)
) -> Iterator[View]:
    """A view for every declared table and every mart; a table that no run has touched is empty, not absent."""
    declared = {curated_table(name): fields for name, fields in lake.declarations.curated.items()}
    declared |= {table.identifier: table.fields for table in lake.declarations.tables.values()}
    snapshots = release.tables if release else {}
    wanted = set(schemas)
    known = [i for i in sorted(declared.keys() | snapshots.keys()) if i.partition(".")[0] in wanted]
    files = lake.catalogue.files_of({i: snapshots[i] for i in known if i in snapshots})
    for identifier in known:
        schema, _, name = identifier.partition(".")
        yield View(schema, name, _query(lake, identifier, files.get(identifier), declared.get(identifier)))


@contextmanager
def connect(
    lake: Lake, release: Release | None, *, schemas: Iterable[str] = (CURATED, PLATFORM, MARTS)
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB over a release: schemas curated, platform and marts, or some of them.

    Raises:
        StorageError: when a file cannot be read.
    """
    with open_duckdb(lake.warehouse.location) as connection:
        create_views(connection, views(lake, release, schemas=schemas))
        yield connection


def create_raw_view(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the view raw.records on a connection of `connect`: one row per line of raw, with its object.

    Objects that the ledger knows to be damaged are left out; what could be read of them is in the other tables.
    """
    broken = connection.execute(
        "select distinct raw_object from platform.ledger where problem is not null"
    ).fetchall()
    left_out = {name for (name,) in broken}
    objects = [name for name in lake.store.names() if name.endswith(".gz") and name not in left_out]
    root = lake.store.location
    listed = ", ".join(_literal(f"{root}/{name}") for name in sorted(objects))
    over = (
        f"select substr(filename, {len(root) + 2}) as raw_object, record from read_csv([{listed}],"
        " columns = {'record': 'VARCHAR'}, header = false, delim = '\\0', quote = '', escape = '', filename = true,"
        " ignore_errors = true, compression = 'gzip', max_line_size = 16777216)"
    )
    empty = "select null::varchar as raw_object, null::varchar as record where false"
    connection.execute(f"create schema raw; create view raw.records as {over if listed else empty}")


def create_views(connection: duckdb.DuckDBPyConnection, found: Iterable[View]) -> None:
    """Create the views, each in its schema; a view there already is replaced."""
    for view in found:
        connection.execute(f"create schema if not exists {view.schema}")
        connection.execute(f"create or replace view {view.schema}.{_quoted(view.name)} as {view.query}")


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Run one statement.

    Raises:
        UsageError: with DuckDB's message, when the statement is wrong.
    """
    try:
        relation = connection.sql(sql)
        return pa.table({}) if relation is None else relation.to_arrow_table()
    except duckdb.Error as e:
        told = storage_error(e)
        if told is not None:
            raise told from e
        raise UsageError(
            f'{e}\nTables: `lake sql "select table_schema, table_name from information_schema.tables"`.'
        ) from e


def _query(
    lake: Lake, identifier: str, files: list[DataFile] | None, fields: tuple[Field, ...] | None
) -> str:
    if fields is None:
        return _over(files) if files else _empty_mart(lake, identifier)
    return _typed(fields, _over(files) if files else None)


def rows_of(fields: Iterable[Field], files: list[str]) -> str:
    """A query over data files of a declared table, by path or URL."""
    return _typed(fields, _scan(files, ", union_by_name = true") if files else None)


def _typed(fields: Iterable[Field], rows: str | None) -> str:
    """The rows under an empty half, which gives each column its type, and columns younger than the files their nulls."""
    empty = ", ".join(f"null::{duckdb_type(f)} as {_quoted(f.name)}" for f in fields)
    return f"select {empty} where false" + (f" union all by name {rows}" if rows else "")


def _over(files: list[DataFile]) -> str:
    """A query over files, which reads together those that have the same columns: DuckDB then looks into one of them only."""
    alike: dict[frozenset[int], list[str]] = defaultdict(list)
    for file in files:
        alike[columns_in(file)].append(readable(file))
    return " union all by name ".join(_scan(paths) for paths in sorted(alike.values()))


def _scan(paths: list[str], settings: str = "") -> str:
    listed = ", ".join(_literal(path) for path in sorted(paths))
    return f"select * from read_parquet([{listed}], hive_partitioning = false{settings})"


def _empty_mart(lake: Lake, identifier: str) -> str:
    table = lake.catalogue.load(identifier)
    schema = table.schema().as_arrow() if table else pa.schema([])
    types = {f.name: str(duckdb.from_arrow(schema.empty_table()).types[i]) for i, f in enumerate(schema)}
    return (
        "select "
        + ", ".join(f"null::{kind} as {_quoted(name)}" for name, kind in types.items())
        + " where false"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
