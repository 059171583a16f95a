"""Export: all that is held of a person, for the person: every record as it was sent, and every row that names the person."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from contracts.layout import PERSONAL_VALUES
from contracts.subjects import Identifier
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from pipeline.scan import naming, seek
from pipeline.subject import Address, belonging_to, by_object, identifiers_of
from transforms.unpack import unpack


def export(lake: Lake, asked: Identifier) -> dict[str, Any]:
    """What a lake holds of a person.

    Returns:
        `identifiers`; `records`: each with its source (raw object and number), its event type (None where it was rejected) and what was
        sent, as JSON where it is some; `personal_values`: values in the clear by record and field; `tables`: rows of derived tables and
        marts that name the person.
    """
    release = release_of(lake)
    with connect(lake, release) as connection:
        identifiers = identifiers_of(connection, asked)
        found = belonging_to(connection, lake, identifiers)
        seek(connection, (each.value for each in identifiers))
        curated = {f"curated.{name}" for name in lake.declarations.events}
        others = [
            t
            for t in (release.tables if release else ())
            if t not in curated and not t.startswith("platform.")
        ]
        tables = {table: _rows(connection, table) for table in sorted(others)}
        values = _values(connection, found.records)
    return {
        "identifiers": [{"kind": each.kind, "value": each.value} for each in identifiers],
        "records": _records(lake, found.records),
        "personal_values": values,
        "tables": {table: rows for table, rows in tables.items() if rows},
    }


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    sql = f"select * from {table} where {naming(connection, table)}"
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def _values(
    connection: duckdb.DuckDBPyConnection, records: dict[Address, str | None]
) -> list[dict[str, Any]]:
    sql = f"select raw_object, raw_record, field, value from {PERSONAL_VALUES} where raw_object = any($names) order by all"
    rows = connection.execute(sql, {"names": sorted({name for name, _ in records})}).fetchall()
    return [
        {"raw_object": name, "raw_record": number, "field": field, "value": value}
        for name, number, field, value in rows
        if (name, number) in records
    ]


def _records(lake: Lake, records: dict[Address, str | None]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for name, numbers in by_object(records).items():
        lines = unpack(lake.store.read(name)).records
        made += [_record(name, number, records[name, number], lines[number]) for number in numbers]
    return made


def _record(name: str, number: int, event_type: str | None, line: bytes) -> dict[str, Any]:
    return {"raw_object": name, "raw_record": number, "event_type": event_type, "sent": _read(line)}


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line.decode("utf-8", "backslashreplace")
