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
_COPIES: Final = f"""
select raw_object, raw_record, event_type, payload_hash from {EVENT_IDS}
semi join (select event_id, payload_hash from {EVENT_IDS} semi join addresses using (raw_object, raw_record)) using (event_id, payload_hash)
"""
_ADDRESSES: Final = pa.schema([("raw_object", pa.string()), ("raw_record", pa.int64())])
_CHUNK: Final = 1000

Address = tuple[str, int]
"""A record's raw object, and its number there."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Records of a person, by address with their event type (None where they were rejected); and records of others that name the person.

    `payloads` are the hashes of the payloads of all of them that were valid.
    """

    records: dict[Address, str | None] = field(default_factory=dict)
    mentions: set[Address] = field(default_factory=set)
    payloads: set[int] = field(default_factory=set)


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
    _rejected(connection, found, {*orders, *(each.value for each in identifiers)})
    _copies(connection, found)
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
        for raw_object, raw_record, order_id in _rows(connection, event_type, where, order):
            found.records[raw_object, raw_record] = event_type
            orders.update([order_id] if order_id else ())
    return orders


def _by_orders(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Belonging, orders: set[str]) -> None:
    connection.register("orders", pa.table({"order_id": pa.array(sorted(orders), pa.string())}))
    for event_type in lake.declarations.events:
        if "order_id" in _columns(lake, event_type) and orders:
            where = "order_id in (select order_id from orders)"
            for raw_object, raw_record, _ in _rows(connection, event_type, where, "null"):
                found.records.setdefault((raw_object, raw_record), event_type)


def _mentions(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Belonging) -> None:
    """Rows of others in which an identifier stands somewhere."""
    for event_type in lake.declarations.events:
        where = naming(connection, curated_table(event_type))
        for raw_object, raw_record, _ in _rows(connection, event_type, where, "null"):
            if (raw_object, raw_record) not in found.records:
                found.mentions.add((raw_object, raw_record))


def _rows(
    connection: duckdb.DuckDBPyConnection, event_type: str, where: str, order: str
) -> list[tuple[str, int, str | None]]:
    sql = f"select raw_object, raw_record, {order} from {curated_table(event_type)} where {where}"
    return connection.execute(sql).fetchall()


def _columns(lake: Lake, event_type: str) -> set[str]:
    return {each.name for each in lake.declarations.curated[event_type]}


def _rejected(connection: duckdb.DuckDBPyConnection, found: Belonging, values: Iterable[str]) -> None:
    """Rejected records in which an identifier, or an order of the person, stands; losers of a conflict are among them."""
    tokens = [f'"{value}"'.encode() for value in values]
    rows: Any = connection.execute(
        f"select raw_object, raw_record, record from {QUARANTINE} where record is not null"
    )
    while chunk := rows.fetchmany(_CHUNK):
        for raw_object, raw_record, record in chunk:
            if any(token in record for token in tokens):
                found.records.setdefault((raw_object, raw_record), None)


def _copies(connection: duckdb.DuckDBPyConnection, found: Belonging) -> None:
    """Copies of all of these: the same payload under the same id. Another payload under that id may be somebody else's."""
    for addresses, of_person in ((list(found.records), True), (list(found.mentions), False)):
        for raw_object, raw_record, event_type, payload in _copies_of(connection, addresses):
            found.payloads.add(payload)
            if not of_person:
                found.mentions.add((raw_object, raw_record))
            elif found.records.get((raw_object, raw_record)) is None:
                found.records[raw_object, raw_record] = event_type


def _copies_of(
    connection: duckdb.DuckDBPyConnection, addresses: Sequence[Address]
) -> list[tuple[str, int, str, int]]:
    """Addresses, event type and payload of the records at some addresses, as far as they were valid, and of their copies."""
    rows = pa.Table.from_pylist([{"raw_object": name, "raw_record": n} for name, n in addresses], _ADDRESSES)
    connection.register("addresses", rows)
    return connection.execute(_COPIES).fetchall()


def by_object(addresses: Iterable[Address]) -> dict[str, list[int]]:
    """Numbers of records by raw object, both in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for raw_object, number in sorted(addresses):
        found[raw_object].append(number)
    return dict(found)
