"""Arrow types and schemas derived from contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from contracts.fields import Field, Kind

_SCALARS: Mapping[Kind, pa.DataType] = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE_TIME: pa.timestamp("us"),
    Kind.DATE: pa.date32(),
    Kind.MONEY: pa.decimal128(18, 4),
    Kind.RATE: pa.decimal128(18, 10),
    Kind.BYTES: pa.binary(),
}


def arrow_type(field: Field, *, zoned: bool = False) -> pa.DataType:
    """The column type. Times are UTC without zone in tables.

    `zoned` is for reading JSON: there a time has a zone, and a date is text, as Arrow reads dates from numbers only.
    """
    if field.kind is Kind.OBJECT:
        return pa.struct([arrow_field(f, zoned=zoned) for f in field.members])
    if field.kind is Kind.ARRAY and field.element is not None:
        return pa.list_(arrow_field(field.element, zoned=zoned))
    if field.kind is Kind.DATE_TIME and zoned:
        return pa.timestamp("us", tz="UTC")
    if field.kind is Kind.DATE and zoned:
        return pa.string()
    return _SCALARS[field.kind]


def arrow_field(field: Field, *, zoned: bool = False) -> pa.Field:
    """The field with its name; everything is nullable, as the contract was checked before."""
    return pa.field(field.name, arrow_type(field, zoned=zoned))


def arrow_schema(fields: Iterable[Field], *, zoned: bool = False) -> pa.Schema:
    """The schema of a table with these columns."""
    return pa.schema([arrow_field(f, zoned=zoned) for f in fields])
