"""Events of stock as tests write them, and the ledger that is told of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_schema
from transforms import stock_ledger as stock

CONNECTION = duckdb.connect(config={"threads": 1})
DECLARED = {
    name: arrow_schema(f for f in load_declarations().tables[name].fields if f.name != "run_id")
    for name in ("stock_ledger", "stock_balances")
}


class Event(NamedTuple):
    """An event of stock; `what` is receipt, figure, booking, correction (count), or the reason of an adjustment."""

    id: str
    time: dt.datetime
    what: str
    units: int
    count: str | None = "C1"
    bin: str | None = None
    lot: str | None = None
    status: str | None = None
    sku: str = "S1"
    location: str = "L1"


EVENTS = pa.schema(
    [("event_id", pa.string()), ("event_type", pa.string()), ("occurred_at", pa.timestamp("us"))]
    + [
        (n, pa.string())
        for n in ("sku", "location_id", "reason", "reference_type", "stock_status", "count_id")
    ]
    + [(n, pa.string()) for n in ("bin_code", "lot_number")]
    + [(n, pa.int64()) for n in ("quantity", "quantity_change", "counted_quantity")]
)
REASONS = {"booking": "count_difference", "correction (count)": "correction"}


def data(event: Event) -> dict[str, object]:
    """The fields in which the three event types differ."""
    if event.what == "receipt":
        return {"event_type": "stock_received", "quantity": event.units}
    if event.what == "figure":
        figure = {"counted_quantity": event.units, "count_id": event.count, "bin_code": event.bin}
        return {"event_type": "stock_counted", "stock_status": event.status, **figure}
    change = {"quantity_change": event.units, "reason": REASONS.get(event.what, event.what)}
    reference = "count" if event.what == "correction (count)" else None
    return {
        "event_type": "stock_adjusted",
        "stock_status": event.status,
        "reference_type": reference,
        **change,
    }


def movements(events: Iterable[Event]) -> pa.Table:
    rows = [
        {
            "event_id": e.id,
            "occurred_at": e.time,
            "sku": e.sku,
            "location_id": e.location,
            "lot_number": e.lot,
            **data(e),
        }
        for e in events
    ]
    return stock.movements(CONNECTION, pa.Table.from_pylist(rows, schema=EVENTS))


def outcome(events: Iterable[Event]) -> pa.Table:
    """The ledger of all these events."""
    return stock.ledger(CONNECTION, movements(events), stock.OPENING.empty_table())


def rows_of(ledger: pa.Table, starts: pa.Table, where: str) -> pa.Table:
    """Rows of the touched keys for which `where` holds."""
    tables = {"ledger": ledger, "starts": starts}
    for name, table in tables.items():
        CONNECTION.register(name, table)
    sql = f"select ledger.* from ledger left join starts using (sku, location_id) where {where}"
    return CONNECTION.sql(sql).to_arrow_table().cast(ledger.schema)


def revised(old: pa.Table, came: Iterable[Event], went: Collection[str]) -> pa.Table:
    """The ledger `old` after events came and went, made from no more of its rows than are asked for."""
    new = movements(came)
    gone = pc.is_in(old["event_id"], pa.array(went, pa.string()))
    touched = ["sku", "location_id", "kind", "moved_date"]
    changes = pa.concat_tables([old.filter(gone).select(touched), new.select(touched)])
    starts = stock.first_affected(CONNECTION, changes)
    last_day = (
        "moved_date < from_date qualify moved_date = max(moved_date) over (partition by sku, location_id)"
    )
    openings = stock.openings(CONNECTION, starts, rows_of(old, starts, last_day))
    needed = f"moved_date >= from_date or (kind = 'counted' and moved_date >= from_date - {stock.COUNT_DAYS})"
    rows = rows_of(old.filter(pc.invert(gone)), starts, needed).select(stock.MOVEMENT.names)
    again = stock.ledger(CONNECTION, pa.concat_tables([rows, new]), openings)
    return pa.concat_tables([rows_of(old, starts, "coalesce(moved_date < from_date, true)"), again])


def by_id(ledger: pa.Table) -> dict[str, dict[str, Any]]:
    assert ledger.schema == DECLARED["stock_ledger"]
    rows = {row["event_id"]: row for row in ledger.to_pylist()}
    assert len(rows) == len(ledger)
    return rows


def by_day(ledger: pa.Table) -> list[dict[str, Any]]:
    days = stock.balances(CONNECTION, ledger)
    assert days.schema == DECLARED["stock_balances"]
    return sorted(days.to_pylist(), key=lambda r: (r["sku"], r["location_id"], r["balance_date"]))


def key(each: Event) -> tuple[str, str]:
    return each.sku, each.location


def in_world(events: Iterable[Event], world: str) -> list[Event]:
    """The same events under other names, so that many worlds can be told of at once."""
    return [e._replace(id=world + e.id, sku=world + e.sku) for e in events]
