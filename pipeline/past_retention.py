"""Which records hold values that are older than their contracts let them become, by what the newest release says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from contracts.fields import Field
from contracts.layout import EVENT_IDS, QUARANTINE, curated_table
from contracts.subjects import Identifier
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from pipeline.subject import belonging_to, identifiers_of

REJECTED: Final = "(rejected)"
"""In place of an event type."""
_PAST = "create temp table past (event_type varchar, raw_object varchar, raw_record bigint, occurred_at timestamp)"
_COPIES = f"""
insert into past
with known as (select past.occurred_at, event_id, payload_hash from {EVENT_IDS} join past using (raw_object, raw_record))
select distinct event_type, raw_object, raw_record, known.occurred_at
from {EVENT_IDS} join known using (event_id, payload_hash) anti join past using (raw_object, raw_record)
"""
_GROUPED = """
select raw_object, list(raw_record) as numbers, list(occurred_at) as times from past group by raw_object order by raw_object
"""


@dataclass(frozen=True, slots=True)
class Past:
    """Records of which something has to go: how many by event type (or `REJECTED`), and by raw object with when they occurred.

    Of a rejected record it is not known when it occurred.
    """

    counts: dict[str, int]
    grouped: pa.Table

    @property
    def objects(self) -> list[str]:
        """Their raw objects, in order."""
        names: list[str] = self.grouped["raw_object"].to_pylist()
        return names

    def of(self, place: int) -> dict[int, dt.datetime | None]:
        """When the records of the object at a place of `objects` occurred (UTC, without zone), by their number."""
        numbers, times = (self.grouped[name][place].as_py() for name in ("numbers", "times"))
        return dict(zip(numbers, times, strict=True))


def past_retention(lake: Lake, now: dt.datetime) -> Past:
    """Find them. What a legal hold keeps is not among them.

    Args:
        lake: the lake.
        now: the time now, with zone.
    """
    naive = now.astimezone(dt.UTC).replace(tzinfo=None)
    with connect(lake, release_of(lake)) as connection:
        connection.execute(_PAST)
        for event_type, event in lake.declarations.events.items():
            if conditions := list(_conditions(event.latest.fields, naive)):
                connection.execute(
                    f"insert into past select '{event_type}', raw_object, raw_record, occurred_at "
                    f"from {curated_table(event_type)} where {' or '.join(conditions)}"
                )
        connection.execute(_COPIES)
        _add_rejected(connection, lake, naive)
        _leave_held(connection, lake)
        counts = connection.execute("select event_type, count(*) from past group by all order by all")
        return Past(dict(counts.fetchall()), connection.sql(_GROUPED).to_arrow_table())


def _conditions(fields: Iterable[Field], now: dt.datetime, parent: str = "") -> Iterator[str]:
    """Conditions on a row of which any says that a value in it is too old."""
    for field in fields:
        value = f'{parent}"{field.name}"'
        if field.retention_days is not None:
            latest = now - dt.timedelta(days=field.retention_days)
            yield f"(occurred_at <= timestamp '{latest}' and {value} is not null)"
        yield from _conditions(field.members, now, f"{value}.")
        if field.element is not None:
            of_item = list(_conditions((field.element,), now, "item."))
            if of_item:
                items = f"(select unnest({value}) as element) as item"
                yield f"exists (select 1 from {items} where {' or '.join(of_item)})"


def _add_rejected(connection: duckdb.DuckDBPyConnection, lake: Lake, now: dt.datetime) -> None:
    """Rejected records count by when they arrived."""
    (days,) = (f.retention_days for f in lake.declarations.table(QUARANTINE)[0] if f.name == "record")
    if days is not None:
        latest = (now - dt.timedelta(days=days)).date()
        connection.execute(
            f"insert into past select distinct '{REJECTED}', raw_object, raw_record, null::timestamp from {QUARANTINE} "
            f"anti join past using (raw_object, raw_record) where record is not null and ingest_date <= date '{latest}'"
        )


def _leave_held(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Take out again what is of somebody whose data must be kept."""
    subjects = {hold.subject for hold in lake.erasures.holds()}
    if not subjects:
        return
    rows = connection.execute(
        "select distinct identifier_kind, identifier_value from curated.customer_identities"
    )
    known = (Identifier(*row) for row in rows.fetchall())
    named = [each for each in known if lake.erasures.hash_of(each) in subjects]
    persons = {each for name in named for each in identifiers_of(connection, name)}
    held = belonging_to(connection, lake, sorted(persons))
    addresses = [
        {"raw_object": name, "raw_record": number} for name, number in {*held.records, *held.mentions}
    ]
    schema = pa.schema([("raw_object", pa.string()), ("raw_record", pa.int64())])
    connection.register("held", pa.Table.from_pylist(addresses, schema))
    connection.execute(
        "delete from past using held where (past.raw_object, past.raw_record) = (held.raw_object, held.raw_record)"
    )
