"""A mapping: how the rows of dropped files become events of our contracts, declared in YAML.

```yaml
events:
  - event_type: sale_completed
    file: "receipts*.csv"          # files of this section, by name; * without it
    source: till                   # envelope source; metadata: producer, channel, tenant, environment
    historical: true
    where: quantity > 0            # rows to take; the others are counted as skipped
    group_by: [receipt, shop]      # one event per group; without it one per row
    order_by: [position]           # order of the rows in a group; _row, the row's number in the file, without it
    id: [receipt]                  # columns the event_id is made from, or content; group_by without it
    occurred_at: closed            # as a field
    fields:
      receipt_id: receipt          # SQL over the file's columns, in DuckDB's dialect
      store_id: {column: Shop No}
      currency_code: {constant: USD}
      is_self_checkout: {column: till, lookup: {S: true, M: false}}
      business_date: {column: day, format: "%d/%m/%Y"}
      subtotal_amount: sum(value::DECIMAL(18, 2))
      lines:
        fields: {line_number: _line, sku: article}
```

A value is cast to what its contract field is. One that cannot be cast without loss stays the text it was, so that its
event ends in quarantine with it. A null is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts._located import Located, load_located
from contracts.declarations import Declarations
from contracts.errors import ContractError, MappingError
from contracts.events import EventVersion
from contracts.fields import Field
from ingestion._targets import Expression, Targets, expression, nearest, parse_targets

CONTENT: Final = "content"
_METADATA: Final = ("producer", "channel", "tenant", "environment")
_DEMANDED: Final = ("event_type", "source", "occurred_at", "fields")
_FILE: Final = ("file", "delimiter", "encoding", "where")
_EVENT: Final = ("schema_version", "historical", "group_by", "order_by", "id")
_KEYS: Final = frozenset((*_DEMANDED, *_FILE, *_EVENT, *_METADATA))


@dataclass(frozen=True, slots=True)
class Section:
    """One event type made from some of the files."""

    place: str
    version: EventVersion
    file: str
    delimiter: str | None
    encoding: str
    source: str
    metadata: dict[str, Any]
    where: Expression | None
    group_by: tuple[str, ...]
    order_by: tuple[str, ...]
    id: tuple[str, ...]
    occurred_at: Expression
    targets: Targets

    @property
    def event_type(self) -> str:
        """The type of the section's events."""
        return self.version.event_type

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns named outside expressions."""
        return tuple(dict.fromkeys((*self.group_by, *self.order_by, *self.id)))


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file that fits the contracts; whether it fits a drop is seen when it meets one."""

    path: Path
    sections: tuple[Section, ...]


def load_mapping(path: Path, declarations: Declarations) -> Mapping:
    """Read a mapping file and check it against the contracts.

    Raises:
        MappingError: for the first mistake, naming file and line.
    """
    try:
        node = load_located(path)
        node.refuse_unknown(frozenset({"events"}), "key")
        sections = node.get("events")
        if (
            not isinstance(sections, list)
            or not sections
            or not all(isinstance(s, Located) for s in sections)
        ):
            raise node.error("'events' is a list with a mapping for each event type", "events")
        return Mapping(path, tuple(_section(s, declarations) for s in sections))
    except ContractError as e:
        raise MappingError(f"{e}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise MappingError(f"Mapping {path} cannot be read ({e}). Name a YAML file.") from e


def _section(node: Located, declarations: Declarations) -> Section:
    node.refuse_unknown(_KEYS, "key")
    for key in _DEMANDED:
        if not node.get(key):
            raise node.error(f"the section lacks {key!r}")
    version = _version(node, declarations)
    group_by = _names(node, "group_by")
    where = node.get("where")
    return Section(
        place=f"{node.path}:{node.line}",
        version=version,
        file=str(node.get("file", "*")),
        delimiter=node.get("delimiter"),
        encoding=str(node.get("encoding", "utf-8")),
        source=str(node["source"]),
        metadata=_metadata(node, declarations),
        where=expression(where, node, "where") if where is not None else None,
        group_by=group_by,
        order_by=_names(node, "order_by"),
        id=_id(node, group_by),
        occurred_at=expression(node["occurred_at"], node, "occurred_at"),
        targets=parse_targets(
            node["fields"], version.fields, f"{version.event_type} v{version.version}", node
        ),
    )


def _version(node: Located, declarations: Declarations) -> EventVersion:
    name = str(node["event_type"])
    if name not in declarations.events:
        raise node.error(
            f"no contract declares event type {name!r}{nearest(name, declarations.events)}", "event_type"
        )
    event = declarations.events[name]
    number = node.get("schema_version", event.latest.version)
    version = event.version(number) if isinstance(number, int) else None
    if version is None:
        raise node.error(
            f"{name} has no version {number}; the newest is {event.latest.version}", "schema_version"
        )
    return version


def _metadata(node: Located, declarations: Declarations) -> dict[str, Any]:
    fields: dict[str, Field] = {f.name: f for f in declarations.envelope.metadata}
    found: dict[str, Any] = {key: str(node[key]) for key in _METADATA if key in node}
    for key, value in found.items():
        if fields[key].enum and value not in fields[key].enum:
            raise node.error(f"{key} {value!r} is not one of: {', '.join(fields[key].enum)}", key)
    historical = node.get("historical", False)
    if not isinstance(historical, bool):
        raise node.error("'historical' is true or false", "historical")
    return {**found, "is_historical": True} if historical else found


def _names(node: Located, key: str) -> tuple[str, ...]:
    value = node.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise node.error(f"{key!r} is a list of column names; quote words such as no, on or 1", key)
    return tuple(value)


def _id(node: Located, group_by: tuple[str, ...]) -> tuple[str, ...]:
    if node.get("id") == CONTENT:
        return ()
    names = _names(node, "id") or group_by
    if not names:
        raise node.error(f"the section lacks 'id': the columns that tell its events apart, or {CONTENT!r}")
    outside = [name for name in names if group_by and name not in group_by]
    if outside:
        raise node.error(f"id column {outside[0]!r} is not among the group_by columns; add it there", "id")
    return names
