"""A mapping: how payloads that know nothing of our envelope become events of our contracts, declared in YAML.

One language for files that are dropped for us, for webhooks, and for events of other producers on the bus. A value is an
SQL expression in DuckDB's dialect: over the columns of a file's rows, or over the members of a JSON document.

```yaml
events:
  - event_type: sale_completed
    file: "receipts*.csv"          # files of this section, by name; * without it
    delimiter: ";"                 # , without it, a tab in .tsv; further: encoding, quote (a character, or none)
    columns: [receipt, shop]       # names of a text file's columns, where its first line does not say them
    control:                       # lines that say what the file holds; expressions see them as lists, _header and _trailer
      header: HDR                  # first field of the first line; may be missing. rows: first field of every row, where rows have one
      trailer: TRL                 # first field of the last line
      totals: [{says: "_trailer[2]", rows: count(*)}, {says: "_trailer[3]", rows: "sum(value::DECIMAL(18, 2))"}]
    source: till                   # envelope source; metadata: producer, channel, tenant, environment
    historical: true
    where: quantity > 0            # rows to take; the others are counted as skipped
    group_by: [receipt, shop]      # one event per group; without it one per row
    order_by: [position]           # order of the rows in a group; _row, the row's number in the file, without it
    id: [receipt]                  # what the event_id is made from: columns, {sql: …}, or content; group_by without it
    occurred_at: closed            # as a field
    fields:
      receipt_id: receipt          # SQL over the file's columns
      store_id: {column: Shop No}
      currency_code: {constant: USD}
      is_self_checkout: {column: till, lookup: {S: true, M: false}}
      business_date: {column: day, format: "%d/%m/%Y"}
      subtotal_amount: sum(value::DECIMAL(18, 2))
      lines:
        fields: {line_number: _line, sku: article}       # one object for each row of the group
      payments:
        each: tenders                                    # one object for each item of a list
        fields: {amount: item.value, method: item.kind}
```

A contract's header may accept events of other producers; the columns are then the members of EventBridge's envelope (`id`,
`source`, `detail_type`, `account`, `time`, `region`), and `resources` and `detail` as JSON:

```yaml
accepts:
  - source: com.example.shop       # or a pattern, as aws.partner/shopify.com/*
    detail-type: OrderPlaced
    mapping:
      id: [{sql: "detail->>'orderId'"}]
      occurred_at: detail->>'placedAt'
      fields:
        order_id: detail->>'orderId'
        lines:
          each: detail->'items'
          fields: {line_number: _line, sku: item->>'sku'}
```

A number in JSON is read as a double: money with more than 15 digits has to be sent as text.

A value is cast to what its contract field is. One that cannot be cast without loss stays the text it was, so that its
event ends in quarantine with it. A null is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from contracts._located import Located
from contracts.control import Control, parse_control
from contracts.events import EventType, EventVersion
from contracts.fields import Field
from contracts.targets import Expression, Targets, expression, expressions, identifier, nearest, parse_targets

CONTENT: Final = "content"
METADATA: Final = ("producer", "channel", "tenant", "environment")
_MADE: Final = ("event_type", "source", "occurred_at", "fields")
_FILE: Final = ("file", "delimiter", "encoding", "columns", "quote", "control")
_EVENT: Final = ("where", "schema_version", "historical", "group_by", "order_by", "id")
_KEYS: Final = frozenset((*_MADE, *_FILE, *_EVENT, *METADATA))


Events: TypeAlias = Mapping[str, EventType]
Metadata: TypeAlias = Iterable[Field]
"""The fields of an event's metadata, as the envelope declares them."""


@dataclass(frozen=True, slots=True)
class Section:
    """How rows become events of one type. `id` is empty where the event_id is made from the content.

    `each`: a list in a document; every item of it becomes an event. `header`: column names of text files that have no header line;
    `quote`: empty where nothing is quoted; `control`: what files say of themselves.
    """

    place: str
    version: EventVersion
    source: str
    metadata: dict[str, Any]
    where: Expression | None
    group_by: tuple[str, ...]
    order_by: tuple[str, ...]
    id: tuple[Expression, ...]
    occurred_at: Expression
    targets: Targets
    each: Expression | None = None
    file: str = "*"
    delimiter: str | None = None
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    quote: str = '"'
    control: Control | None = None

    @property
    def event_type(self) -> str:
        """The type of the section's events."""
        return self.version.event_type

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns named outside expressions."""
        return tuple(dict.fromkeys((*self.group_by, *self.order_by)))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Every expression of the section."""
        return (*self.choice, *self.id, self.occurred_at, *expressions(self.targets))

    @property
    def choice(self) -> tuple[Expression, ...]:
        """The expressions that say which events are made."""
        return tuple(each for each in (self.where, self.each) if each)


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping file that fits the contracts; whether it fits a drop is seen when it meets one."""

    path: Path
    sections: tuple[Section, ...]


def parse_mapping(node: Located, events: Events, metadata: Metadata) -> MappingFile:
    """Check a mapping file against the contracts.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    node.refuse_unknown(frozenset({"events"}), "key")
    sections = node.get("events")
    if not isinstance(sections, list) or not sections or not all(isinstance(s, Located) for s in sections):
        raise node.error("'events' is a list with a mapping for each event type", "events")
    fields = tuple(metadata)
    return MappingFile(node.path, tuple(_of_files(section, events, fields) for section in sections))


def _of_files(node: Located, events: Events, metadata: Metadata) -> Section:
    if not node.get("source"):
        raise node.error("the section lacks 'source'")
    return parse_rows(node, events, metadata, str(node["source"]))


def parse_rows(node: Located, events: Events, metadata: Metadata, source: str) -> Section:
    """How the rows of files become events.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    node.refuse_unknown(_KEYS, "key")
    return parse_section(node, declared_version(node, events), source, metadata)


def parse_section(node: Located, version: EventVersion, source: str, metadata: Metadata) -> Section:
    """How rows, or documents, become events of a version; which keys a section may have is its caller's to say.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    for key in ("occurred_at", "fields"):
        if not node.get(key):
            raise node.error(f"the section lacks {key!r}")
    group_by = _names(node, "group_by")
    where = node.get("where")
    return Section(
        place=f"{node.path}:{node.line}",
        version=version,
        source=source,
        metadata=_metadata(node, metadata),
        where=expression(where, node, "where") if where is not None else None,
        group_by=group_by,
        order_by=_names(node, "order_by"),
        id=_id(node, group_by),
        occurred_at=expression(node["occurred_at"], node, "occurred_at"),
        targets=parse_targets(
            node["fields"], version.fields, f"{version.event_type} v{version.version}", node
        ),
        each=expression(node["each"], node, "each") if "each" in node else None,
        file=str(node.get("file", "*")),
        delimiter=node.get("delimiter"),
        encoding=str(node.get("encoding", "utf-8")),
        header=_names(node, "columns"),
        quote=_quote(node),
        control=parse_control(node),
    )


def declared_version(node: Located, events: Events) -> EventVersion:
    """The version of the contract that a section names.

    Raises:
        ContractError: when there is none, naming file and line.
    """
    if not node.get("event_type"):
        raise node.error("the section lacks 'event_type'")
    name = str(node["event_type"])
    if name not in events:
        raise node.error(f"no contract declares event type {name!r}{nearest(name, events)}", "event_type")
    event = events[name]
    number = node.get("schema_version", event.latest.version)
    version = event.version(number) if isinstance(number, int) else None
    if version is None:
        raise node.error(
            f"{name} has no version {number}; the newest is {event.latest.version}", "schema_version"
        )
    return version


def _metadata(node: Located, metadata: Metadata) -> dict[str, Any]:
    fields = {f.name: f for f in metadata}
    found: dict[str, Any] = {key: str(node[key]) for key in METADATA if key in node}
    for key, value in found.items():
        if fields[key].enum and value not in fields[key].enum:
            raise node.error(f"{key} {value!r} is not one of: {', '.join(fields[key].enum)}", key)
    historical = node.get("historical", False)
    if not isinstance(historical, bool):
        raise node.error("'historical' is true or false", "historical")
    return {**found, "is_historical": True} if historical else found


def _quote(node: Located) -> str:
    quote = node.get("quote", '"')
    if quote != "none" and (not isinstance(quote, str) or len(quote) != 1):
        raise node.error("'quote' is one character, or none", "quote")
    return "" if quote == "none" else quote


def _names(node: Located, key: str) -> tuple[str, ...]:
    value = node.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise node.error(f"{key!r} is a list of column names; quote words such as no, on or 1", key)
    return tuple(value)


def _id(node: Located, group_by: tuple[str, ...]) -> tuple[Expression, ...]:
    if node.get("id") == CONTENT:
        return ()
    given = node.get("id") or list(group_by)
    if not given:
        raise node.error(f"the section lacks 'id': what tells its events apart, or {CONTENT!r}")
    if not isinstance(given, list) or not all(isinstance(each, str | Located) for each in given):
        raise node.error("'id' is a list of column names; quote words such as no, on or 1", "id")
    outside = [each for each in given if group_by and each not in group_by]
    if outside:
        raise node.error(f"id column {outside[0]!r} is not among the group_by columns; add it there", "id")
    return tuple(_id_part(each, node) for each in given)


def _id_part(part: str | Located, node: Located) -> Expression:
    if isinstance(part, str):
        return Expression(f"{node.path}:{node.lines.get('id', node.line)}: id", identifier(part), part)
    return expression(part, node, "id")
