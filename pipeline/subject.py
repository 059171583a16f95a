"""A person: all identifiers that are one, and every record that is of the person or names the person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import pyarrow as pa

from contracts.errors import UsageError
from contracts.layout import EVENT_IDS, QUARANTINE, curated_table
from contracts.subjects import IDENTIFIERS, Identifier
from lakehouse.lake import Lake
from pipeline.scan import naming, seek

_PERSON: Final = """
select identifier_kind, identifier_value from curated.customer_identities
where not is_shared and not is_excluded and person_id in (
    select person_id from curated.customer_identities
    where identifier_kind = $kind and identifier_value = $value and not is_shared and not is_excluded
)
"""
_CHUNK: Final = 1000

Address = tuple[str, int]
"""A record's raw object, and its number there."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Records of a person, by address with their event type (None where they were rejected); and records of others that name the person."""

    records: dict[Address, str | None] = field(default_factory=dict)
    mentions: set[Address] = field(default_factory=set)
    event_ids: set[str] = field(default_factory=set)


def parse_identifier(text: str) -> Identifier:
    """`KIND:VALUE`, or a value alone for a login.

    Raises:
        UsageError: when the kind is not known.
    """
    kind, colon, value = text.partition(":")
    if not colon:
        return Identifier("login", text)
    if kind not in IDENTIFIERS or not value:
        raise UsageError(
            f"{text!r} is no identifier. Give KIND:VALUE, with one of: {', '.join(IDENTIFIERS)}."
        )
    return Identifier(kind, value)


def identifiers_of(connection: duckdb.DuckDBPyConnection, asked: Identifier) -> list[Identifier]:
    """All identifiers of the person that one belongs to, itself among them, by kind and value; shared ones are nobody's."""
    rows = connection.execute(_PERSON, {"kind": asked.kind, "value": asked.value}).fetchall()
    return sorted({asked, *(Identifier(kind, value) for kind, value in rows)})


def belonging_to(
    connection: duckdb.DuckDBPyConnection, lake: Lake, identifiers: Sequence[Identifier]
) -> Belonging:
    """Every record of a person: by identifier, by the person's orders, copies, and what was rejected.

    Args:
        connection: of `lakehouse.sql.connect`, over the newest release.
        lake: the lake.
        identifiers: the person's.
    """
    connection.register("person", pa.Table.from_pylist([_row(each) for each in identifiers]))
    seek(connection, (each.value for each in identifiers))
    found = Belonging()
    orders = _by_identifiers(connection, lake, found)
    _by_orders(connection, lake, found, orders)
    _mentions(connection, lake, found)
    _copies(connection, found)
    _rejected(connection, found, [each.value for each in identifiers])
    return found


def _row(identifier: Identifier) -> dict[str, str]:
    return {"kind": identifier.kind, "value": identifier.value}


def _by_identifiers(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Belonging) -> set[str]:
    """Curated rows that carry an identifier; returns the orders that the person placed."""
    orders: set[str] = set()
    for event_type in lake.declarations.events:
        columns = _columns(lake, event_type)
        of = [(kind, name) for kind, name in IDENTIFIERS.items() if name in columns]
        if not of:
            continue
        where = " or ".join(
            f"{name} in (select value from person where kind = '{kind}')" for kind, name in of
        )
        order = "order_id" if event_type == "order_placed" and "order_id" in columns else "null"
        for event_id, raw_object, raw_record, order_id in _rows(connection, event_type, where, order):
            found.records[raw_object, raw_record] = event_type
            found.event_ids.add(event_id)
            orders.update([order_id] if order_id else ())
    return orders


def _by_orders(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Belonging, orders: set[str]) -> None:
    connection.register("orders", pa.table({"order_id": pa.array(sorted(orders), pa.string())}))
    for event_type in lake.declarations.events:
        if "order_id" in _columns(lake, event_type) and orders:
            where = "order_id in (select order_id from orders)"
            for event_id, raw_object, raw_record, _ in _rows(connection, event_type, where, "null"):
                found.records.setdefault((raw_object, raw_record), event_type)
                found.event_ids.add(event_id)


def _mentions(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Belonging) -> None:
    """Rows of others in which an identifier stands somewhere."""
    for event_type in lake.declarations.events:
        where = naming(connection, curated_table(event_type))
        for event_id, raw_object, raw_record, _ in _rows(connection, event_type, where, "null"):
            if (raw_object, raw_record) not in found.records:
                found.mentions.add((raw_object, raw_record))
                found.event_ids.add(event_id)


def _rows(
    connection: duckdb.DuckDBPyConnection, event_type: str, where: str, order: str
) -> list[tuple[str, str, int, str | None]]:
    sql = f"select event_id, raw_object, raw_record, {order} from {curated_table(event_type)} where {where}"
    return connection.execute(sql).fetchall()


def _columns(lake: Lake, event_type: str) -> set[str]:
    return {each.name for each in lake.declarations.curated[event_type]}


def _copies(connection: duckdb.DuckDBPyConnection, found: Belonging) -> None:
    """Copies of the records, and other versions of their events: curated or not, they are of the same person."""
    connection.register("events", pa.table({"event_id": pa.array(sorted(found.event_ids), pa.string())}))
    rows = connection.execute(
        f"select raw_object, raw_record, event_type, event_id from {EVENT_IDS} semi join events using (event_id)"
    ).fetchall()
    mentioned = _mentioned_events(connection, found)
    for raw_object, raw_record, event_type, event_id in rows:
        if event_id in mentioned:
            found.mentions.add((raw_object, raw_record))
        else:
            found.records.setdefault((raw_object, raw_record), event_type)


def _mentioned_events(connection: duckdb.DuckDBPyConnection, found: Belonging) -> set[str]:
    addresses = [{"raw_object": name, "raw_record": number} for name, number in found.mentions]
    if not addresses:
        return set()
    connection.register("mentions", pa.Table.from_pylist(addresses))
    sql = f"select event_id from {EVENT_IDS} semi join mentions using (raw_object, raw_record)"
    return {event_id for (event_id,) in connection.execute(sql).fetchall()}


def _rejected(connection: duckdb.DuckDBPyConnection, found: Belonging, values: Sequence[str]) -> None:
    """Rejected records in which an identifier stands."""
    tokens = [f'"{value}"'.encode() for value in values]
    rows: Any = connection.execute(
        f"select raw_object, raw_record, record from {QUARANTINE} where record is not null"
    )
    while chunk := rows.fetchmany(_CHUNK):
        for raw_object, raw_record, record in chunk:
            if any(token in record for token in tokens):
                found.records.setdefault((raw_object, raw_record), None)


def by_object(addresses: Iterable[Address]) -> dict[str, list[int]]:
    """Numbers of records by raw object, both in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for raw_object, number in sorted(addresses):
        found[raw_object].append(number)
    return dict(found)
