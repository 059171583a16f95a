"""Rows of an older contract version → rows of the newest, by the lifts that the newer versions declare."""

from __future__ import annotations

import pyarrow as pa

from contracts.events import EventType, EventVersion, Lift
from lakehouse.arrow_types import arrow_type


def lift(table: pa.Table, event: EventType, version: int) -> pa.Table:
    """Apply the lifts of every version after `version`, in order. Columns that are no data fields pass through."""
    for newer in event.versions[version:]:
        table = _lift_once(table, event.versions[newer.version - 2], newer)
    return table


def _lift_once(table: pa.Table, older: EventVersion, newer: EventVersion) -> pa.Table:
    lifts = {each.field: each for each in newer.lifts}
    data = {f.name for f in older.fields}
    columns = {name: table[name] for name in table.schema.names if name not in data}
    for field in newer.fields:
        columns[field.name] = _value(
            table, lifts.get(field.name, Lift(field.name, field.name)), arrow_type(field)
        )
    return pa.table(columns)


def _value(table: pa.Table, how: Lift, target: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if how.constant is not None:
        return pa.array([how.constant] * table.num_rows, target)
    if how.source not in table.schema.names:
        return pa.nulls(table.num_rows, target)
    return table[how.source].cast(target)
