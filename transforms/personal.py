"""Personal values → pseudonyms in the curated row, and the clear values apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.fields import Field
from contracts.pseudonym_keys import KeysInForce
from transforms.distinct import each_distinct

DIRECT: Final = "direct"
_ADDRESS: Final = ("event_id", "occurred_at", "raw_object", "raw_record")


@dataclass(frozen=True, slots=True)
class Parted:
    """A table without clear values, the clear values, and the pairs of pseudonyms where keys are bridged."""

    table: pa.Table
    personal: pa.Table
    bridged: pa.Table


def has_personal(fields: Sequence[Field]) -> bool:
    """True where a field, or one in it, is directly personal."""
    return any(
        f.pii == DIRECT or has_personal((*f.members, *((f.element,) if f.element else ()))) for f in fields
    )


def part_personal(table: pa.Table, event_type: str, fields: Sequence[Field], keys: KeysInForce) -> Parted:
    """Put pseudonyms in the place of directly personal values.

    Args:
        table: rows of one event type, with event_id, occurred_at, raw_object and raw_record.
        event_type: their type.
        fields: its contract's fields.
        keys: the keys that hold.
    """
    found: _Values = []
    pseudonyms = _Pseudonyms(keys)
    rows = np.arange(len(table))
    for each in fields:
        if has_personal((each,)):
            place = table.schema.get_field_index(each.name)
            column = table.column(place).combine_chunks()
            replaced = _replaced(column, each, each.name, rows, pseudonyms, found)
            table = table.set_column(place, table.schema.field(place), replaced)
    return Parted(table, _personal(table, event_type, found, pseudonyms), pseudonyms.bridged())


class _Pseudonyms:
    """Pseudonyms of the values of a batch, each made once."""

    def __init__(self, keys: KeysInForce) -> None:
        self._keys = keys
        self._made: dict[str, str] = {}

    def of(self, values: pa.Array) -> pa.Array:
        """The pseudonyms of text values, null where they are."""
        return each_distinct(values, self._of, pa.string())

    def bridged(self) -> pa.Table:
        """Pairs of pseudonyms, under the key before and the newest."""
        before = self._keys.before
        pairs = {
            "pseudonym_before": [before.pseudonym(value) for value in self._made] if before else [],
            "pseudonym": list(self._made.values()) if before else [],
        }
        return pa.table(pairs, pa.schema([(name, pa.string()) for name in pairs]))

    def _of(self, value: str) -> str:
        if value not in self._made:
            self._made[value] = self._keys.newest.pseudonym(value)
        return self._made[value]


_Values = list[tuple[str, np.ndarray, pa.Array]]
"""Fields by path, with the rows that their values are in, and the values, which may be null."""


def _replaced(
    column: pa.Array, field: Field, path: str, rows: np.ndarray, pseudonyms: _Pseudonyms, found: _Values
) -> pa.Array:
    """The column with pseudonyms; what they stand for goes into `found`. `rows` are the table's rows of its values."""
    if field.pii == DIRECT and pa.types.is_string(column.type):
        found.append((path, rows, column))
        return pseudonyms.of(column)
    if field.element is not None:
        if field.pii == DIRECT:
            raise AssertionError(f"{path}: a list is not personal as such, its elements are")
        inner = rows[pc.list_parent_indices(column).to_numpy()]
        values = _replaced(column.flatten(), field.element, path, inner, pseudonyms, found)
        return pa.ListArray.from_arrays(_offsets(column), values, column.type, mask=column.is_null())
    children = [
        _replaced(child, member, f"{path}.{member.name}", rows, pseudonyms, found)
        if has_personal((member,))
        else child
        for member, child in zip(field.members, column.flatten(), strict=True)  # null where the whole is
    ]
    return pa.StructArray.from_arrays(children, fields=list(column.type), mask=column.is_null())


def _offsets(column: pa.ListArray) -> pa.Array:
    """Offsets into the flattened values: a null list has none, whatever stands behind it."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _personal(table: pa.Table, event_type: str, found: _Values, pseudonyms: _Pseudonyms) -> pa.Table:
    parts = list(_rows(table, event_type, found, pseudonyms))
    return pa.concat_tables(parts).unify_dictionaries() if parts else pa.table({})


def _rows(table: pa.Table, event_type: str, found: _Values, pseudonyms: _Pseudonyms) -> Iterator[pa.Table]:
    """A table for each field, of the rows in which it has a value."""
    for path, rows, values in found:
        is_there = values.is_valid()
        kept = values.filter(is_there)
        if not len(kept):
            continue
        part = table.select(_ADDRESS).take(pa.array(rows).filter(is_there))
        for name, text in (("event_type", event_type), ("field", path)):
            part = part.append_column(name, pa.repeat(pa.scalar(text), len(kept)))
        yield part.append_column("pseudonym", pseudonyms.of(kept)).append_column("value", kept)
