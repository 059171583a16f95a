"""A search for texts in all that a lake holds: in tables, column by column, and in raw, byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import duckdb
import pyarrow as pa

from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from transforms.unpack import unpack

VALUES = "sought_values"
"""A table of the connection, with the texts in its column `value`."""


def seek(connection: duckdb.DuckDBPyConnection, values: Iterable[str]) -> None:
    """Say what is sought."""
    connection.register(VALUES, pa.table({"value": pa.array(sorted(set(values)), pa.string())}))


def naming(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """A condition that holds for the rows of a table in which one of the texts stands: as a value, or quoted within one."""
    columns = connection.execute(f"describe {table}").fetchall()
    return " or ".join(_conditions((name, kind) for name, kind, *_ in columns)) or "false"


def _conditions(columns: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, kind in columns:
        quoted = f'"{name}"'
        if kind == "VARCHAR":
            yield f"{quoted} in (select value from {VALUES})"
        if kind in {"BLOB", "JSON"} or name == "extras":
            yield _contains(f"cast({quoted} as varchar)")
        elif "VARCHAR" in kind and kind != "VARCHAR":
            yield _contains(f"cast(to_json({quoted}) as varchar)")


def _contains(text: str) -> str:
    return f"exists (select 1 from {VALUES} where contains({text}, '\"' || value || '\"'))"


def scan(lake: Lake, values: Sequence[str], raw_objects: Iterable[str]) -> dict[str, int]:
    """How often any of the texts stands in the tables of the newest release, and in some raw objects; by place, and 0 where it does not."""
    release = release_of(lake)
    with connect(lake, release) as connection:
        seek(connection, values)
        found = {table: _count(connection, table) for table in (sorted(release.tables) if release else ())}
    tokens = [value.encode() for value in values]
    raw = sum(_hits(lake.store.read(name), tokens) for name in raw_objects)
    return {**found, "raw": raw}


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    sql = f"select count(*) from {table} where {naming(connection, table)}"
    ((count,),) = connection.execute(sql).fetchall()
    return int(count)


def _hits(data: bytes, tokens: Sequence[bytes]) -> int:
    return sum(record.count(b'"' + token + b'"') for record in unpack(data).records for token in tokens)
