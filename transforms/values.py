"""Lines that passed the gate → Arrow columns.

Arrow's JSON reader supplies the values, as it is exact for decimals and several times faster than Python objects. It reads a
few valid forms otherwise than the gate does (nine fraction digits, a lower-case z, a time that its offset takes out of the
calendar); such a block is read again from the gate's own structs.
"""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from contracts.envelope import Envelope
from contracts.events import EventVersion
from contracts.fields import Field, Kind
from contracts.structs import decoder, envelope_type
from lakehouse.arrow_types import arrow_field, arrow_schema, arrow_type

_FIRST: Final[int] = pa.scalar(dt.datetime.min, pa.timestamp("us")).value  # noqa: DTZ901 columns carry no zone
_LAST: Final[int] = pa.scalar(dt.datetime.max, pa.timestamp("us")).value  # noqa: DTZ901 as above


class ValueReader:
    """Reads lines of one version of one event type, all of which passed the gate."""

    def __init__(self, envelope: Envelope, event: EventVersion) -> None:
        self._event = event
        self._metadata = envelope.columns_before
        self._columns = (*self._metadata, *event.fields)
        self._decode = decoder([envelope_type(envelope, event, strict=False)]).decode
        # every field the contract knows, read or not: Arrow refuses a key that stands twice only where it expects the key
        metadata = pa.struct([arrow_field(f, zoned=True) for f in envelope.metadata])
        detail = pa.struct(
            [pa.field("metadata", metadata), *(arrow_field(f, zoned=True) for f in event.fields)]
        )
        record = [arrow_field(f, zoned=True) for f in envelope.record if f.name != "detail"]
        schema = pa.schema([*record, pa.field("detail", detail)])
        self._options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        self.schema = (
            arrow_schema(self._columns)
            .append(pa.field("source", pa.string()))
            .append(pa.field("ingested_at", pa.timestamp("us")))
        )

    def read(self, lines: list[bytes]) -> pa.Table:
        """One row a line, in order: metadata, data, `source`, `ingested_at`.

        Raises:
            pa.ArrowInvalid: when a line is written in a way only `read_slowly` takes, or repeats a key.
        """
        block = b"\n".join(lines)
        options = arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        table = arrow_json.read_json(io.BytesIO(block), read_options=options, parse_options=self._options)
        if table.num_rows != len(lines):
            raise pa.ArrowInvalid("two records on a line")
        detail = table["detail"].combine_chunks()
        metadata = detail.field("metadata")
        columns = [metadata.field(f.name) for f in self._metadata]
        columns += [detail.field(f.name) for f in self._event.fields]
        columns += [table["source"].combine_chunks(), table["time"].combine_chunks()]
        columns = [_unzoned(c, f.type) for c, f in zip(columns, self.schema, strict=True)]
        if not all(map(_in_calendar, columns)):
            raise pa.ArrowInvalid("an offset leads out of the calendar")
        return pa.Table.from_arrays(columns, schema=self.schema)

    def read_slowly(self, lines: list[bytes]) -> pa.Table:
        """The same rows, from the gate's own structs."""
        records = [self._decode(line) for line in lines]
        details = [r.detail for r in records]
        metadata = [d.metadata for d in details]
        columns = [_column(metadata, f) for f in self._metadata] + [
            _column(details, f) for f in self._event.fields
        ]
        columns.append(pa.array([r.source for r in records], pa.string()))
        columns.append(pa.array([_plain_time(r.time) for r in records], pa.timestamp("us")))
        return pa.Table.from_arrays(columns, schema=self.schema)


def _unzoned(column: pa.Array, target: pa.DataType) -> pa.Array:
    return column if column.type == target else column.cast(target)


def _in_calendar(column: pa.Array) -> bool:
    """True when every time in the column is one that Python, Iceberg and Parquet's statistics can hold."""
    if pa.types.is_struct(column.type):
        return all(map(_in_calendar, column.flatten()))
    if pa.types.is_list(column.type):
        return _in_calendar(column.flatten())
    if not pa.types.is_timestamp(column.type):
        return True
    ends = pc.min_max(column)
    return not ends["min"].is_valid or (ends["min"].value >= _FIRST and ends["max"].value <= _LAST)


def _column(owners: list[Any], field: Field) -> pa.Array:
    return pa.array([_plain(getattr(o, field.name), field) for o in owners], arrow_type(field))


def _plain(value: Any, field: Field) -> Any:
    """A struct's value as Arrow takes it."""
    if value is None or value is msgspec.UNSET:
        return None
    match field.kind:
        case Kind.OBJECT:
            return {f.name: _plain(getattr(value, f.name), f) for f in field.members}
        case Kind.ARRAY if field.element is not None:
            return [_plain(v, field.element) for v in value]
        case Kind.MONEY | Kind.RATE:
            return Decimal(value)
        case Kind.DATE_TIME:
            return _plain_time(value)
        case _:
            return value


def _plain_time(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:  # an offset on the first or last day of the calendar
        return value.replace(tzinfo=None)
