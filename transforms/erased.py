"""Rows and rejected records of the erased are left out, wherever they come from: a late delivery, a replay, a redrive, a repair."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.layout import arrival_hour
from contracts.subjects import IDENTIFIERS, Erased
from transforms.distinct import each_distinct

_TOKEN: Final = re.compile(rb'"([^"\\]{1,128})"')

Left = Counter[str]
"""How many records of each raw object were left out."""


def without_erased(table: pa.Table, erased: Erased) -> tuple[pa.Table, Left]:
    """The rows of one event type that are of nobody erased.

    A row is left out where an identifier of it was erased later than the event happened, or where it is a copy of a record that was.
    """
    is_out = pc.is_in(table["payload_hash"], pa.array(sorted(erased.payloads), pa.int64()))
    for kind, field in IDENTIFIERS.items():
        if field in table.schema.names:
            is_out = pc.or_(is_out, _of_erased(table, kind, field, erased))
    if not pc.any(is_out).as_py():
        return table, Counter()
    return table.filter(pc.invert(is_out)), Counter(table.filter(is_out)["raw_object"].to_pylist())


def _of_erased(table: pa.Table, kind: str, field: str, erased: Erased) -> pa.ChunkedArray:
    until = each_distinct(
        table[field].combine_chunks(), lambda value: erased.until(kind, value), pa.timestamp("us")
    )
    return pc.fill_null(pc.less(table["occurred_at"], until), False)


def without_erased_rejects(rejected: pa.Table, erased: Erased) -> tuple[pa.Table, Left]:
    """The rejected records in which no identifier stands that was erased after they arrived.

    They could not be read, so every quoted text in them is taken for an identifier of any kind.
    """
    rows = zip(rejected["raw_object"].to_pylist(), rejected["record"].to_pylist(), strict=True)
    is_out = np.array([_mentions(name, record or b"", erased) for name, record in rows], bool)
    if not is_out.any():
        return rejected, Counter()
    left = Counter(rejected.filter(pa.array(is_out))["raw_object"].to_pylist())
    return rejected.filter(pa.array(~is_out)), left


def _mentions(raw_object: str, record: bytes, erased: Erased) -> bool:
    arrived = arrival_hour(raw_object) or dt.datetime.min  # noqa: DTZ901 as in tables
    values = {token.decode(errors="replace") for token in _TOKEN.findall(record)}
    found = (erased.until(kind, value) for value in values for kind in IDENTIFIERS)
    return any(until is not None and arrived < until for until in found)
