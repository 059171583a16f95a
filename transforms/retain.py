"""Records without what has been kept for as long as their contracts allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from contracts.declarations import Declarations
from contracts.fields import Field
from transforms.rewrite import Object, Rewriter

_DAY = dt.timedelta(days=1)


class Trimmer:
    """Takes out of records the values that are older than they may become (`x-retention-days`).

    An object that demands such a value goes as a whole: an item of a list, a member; at last the record.
    """

    def __init__(self, declarations: Declarations) -> None:
        self._rewriter = Rewriter(declarations)

    def trimmed(self, record: bytes, age: dt.timedelta) -> bytes:
        """The record without what may not become as old as it is; a mark where nothing may."""
        days = age // _DAY
        return self._rewriter.rewritten(record, lambda found, fields: _kept(found, fields, days))


def _kept(found: Object, fields: Sequence[Field], days: int) -> Object | None:
    known = {field.name: field for field in fields}
    kept: Object = {}
    for name, value in found.items():
        field = known.get(name)
        left = value if field is None or value is None else _left(value, field, days)
        if left is not None or value is None:
            kept[name] = left
        elif field is not None and field.required:
            return None
    return kept


def _left(value: Any, field: Field, days: int) -> Any:
    """What is left of a value that is there; None where nothing is."""
    if field.retention_days is not None and days >= field.retention_days:
        return None
    if isinstance(value, dict):
        return _kept(value, field.members, days)
    if isinstance(value, list) and field.element is not None:
        left = [_left(each, field.element, days) for each in value]
        kept = [each for each in left if each is not None]
        return kept if len(kept) >= (field.min_items or 0) else None
    return value
