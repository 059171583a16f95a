"""Extracts: which tables of a live database a source is read from, and how a run finds what is new.

```yaml
arrives: extract
extract:
  - {table: shop.products, watermark: updated_at, key: [sku], overlap: 5 minutes}
  - table: shop.customers          # a query goes by the name that its documents have as topic
    query: select id, email, updated_at from shop.customers
    watermark: updated_at
    key: [id]
    overlap: 5 minutes
```

`watermark` is a column that grows whenever a row is made or changed: a time, a date or a whole number. A run reads the rows whose
watermark is at least the greatest one read before, less `overlap`: so far behind may a row be that commits late. `key` names a row.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from contracts._located import Located

Overlap: TypeAlias = dt.timedelta | int
"""A time for watermarks that are times or dates, a count for those that are numbers."""

_KEYS: Final = frozenset({"table", "query", "watermark", "key", "overlap"})
_DURATION: Final = re.compile(r"(\d+) (second|minute|hour|day)s?")


@dataclass(frozen=True, slots=True)
class Extract:
    """One table, or the rows of a query. `table` is the topic of its documents; `place` is where it is declared."""

    place: str
    table: str
    query: str | None
    watermark: str
    key: tuple[str, ...]
    overlap: Overlap


def parse_extracts(node: Any, parent: Located) -> tuple[Extract, ...]:
    """The extracts under `extract` of a source.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    if not isinstance(node, list) or not node or not all(isinstance(each, Located) for each in node):
        raise parent.error("'extract' is a list with a mapping for each table", "extract")
    found = tuple(map(_extract, node))
    for number, each in enumerate(found):
        if each.table in {earlier.table for earlier in found[:number]}:
            raise node[number].error(f"table {each.table!r} stands twice; keep one", "table")
    return found


def _extract(node: Located) -> Extract:
    node.refuse_unknown(_KEYS, "key")
    return Extract(
        place=f"{node.path}:{node.line}",
        table=_text(node, "table", "which table, as schema.name"),
        query=_text(node, "query", "a select") if "query" in node else None,
        watermark=_text(node, "watermark", "the column that grows with every change of a row"),
        key=_key(node),
        overlap=_overlap(node),
    )


def _text(node: Located, key: str, meaning: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value.strip():
        raise node.error(f"an extract declares {key!r}: {meaning}", key)
    return value.strip()


def _key(node: Located) -> tuple[str, ...]:
    value = node.get("key")
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise node.error(
            "an extract declares 'key': a list of the columns that name a row; quote words such as no or on",
            "key",
        )
    return tuple(value)


def _overlap(node: Located) -> Overlap:
    value = node.get("overlap")
    if type(value) is int and value >= 0:
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise node.error(
            "an extract declares 'overlap': how far behind a row may be that commits late, such as 5 minutes; "
            "or a number, where the watermark is one",
            "overlap",
        )
    return dt.timedelta(**{f"{found[2]}s": int(found[1])})
