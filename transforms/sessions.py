"""Sessions: the activity of each visitor, cut at pauses and where another campaign begins.

Activity is sorted once, and everything after is a pass over arrays: a session is a slice of the order. Window functions and
grouping in SQL would sort and hash the rows for each step again, at several times the cost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_schema

PAUSE: Final = dt.timedelta(minutes=30)
"""The longest pause within a session; a longer one ends it."""

_SQL: Final = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_CAMPAIGN: Final = ("campaign_source", "campaign_medium", "campaign_name")
_COUNTED: Final[Mapping[str, str]] = {
    "page_view_count": "page_viewed",
    "product_view_count": "product_viewed",
    "search_count": "product_searched",
    "cart_addition_count": "cart_item_added",
    "checkout_count": "checkout_started",
    "order_count": "order_placed",
}
_FIRST_KNOWN: Final = ("channel", "device_type", "country_code", "is_bot")
_BATCH: Final = 10_000  # rows; DuckDB shares them out to its threads by the batch
_BY_VISITOR: Final = pa.array(["customer", "saved_for_later"])

# days of one visitor between which midnight made no pause; of each such pair, the day that is not in scope yet
_UNSETTLED: Final = """
with nights as (
    select evening.visitor_id, evening.day as evening, morning.day as morning
    from bounds as evening
    join bounds as morning on morning.visitor_id = evening.visitor_id and morning.day = evening.day + 1
    where morning.first_at <= evening.last_at + $pause
),
next_to_scope as (
    select nights.visitor_id, morning as day
    from nights semi join scope on scope.visitor_id = nights.visitor_id and scope.day = evening
    union
    select nights.visitor_id, evening as day
    from nights semi join scope on scope.visitor_id = nights.visitor_id and scope.day = morning
)
select visitor_id, day from next_to_scope anti join scope using (visitor_id, day)
"""

_Flags = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]


def sessions(connection: duckdb.DuckDBPyConnection, events: pa.Table) -> pa.Table:
    """Cut all sessions out of the events given.

    Args:
        connection: a DuckDB connection.
        events: event_id, event_type, occurred_at and the columns that contracts/tables/sessions.yaml `reads`, in any order of
            rows; every event of the visitors given, or all of whole days as `unsettled` settles them.

    Returns:
        One row a session, in no particular order: the declared columns but run_id.
    """
    cut = _cut(events)
    tables = {"cuts": _described(events, cut), "orders": _orders(events, cut)}
    for name, table in tables.items():
        connection.register(name, pa.Table.from_batches(table.to_batches(_BATCH), table.schema))
    result = connection.sql(_SQL).to_arrow_table()
    for name in tables:
        connection.unregister(name)
    declared = load_declarations().tables["sessions"].fields
    schema = arrow_schema(f for f in declared if f.name != "run_id")
    return result.select(schema.names).cast(schema)


def unsettled(connection: duckdb.DuckDBPyConnection, bounds: pa.Table, scope: pa.Table) -> pa.Table:
    """The visitor-days that have to join the scope of a recomputation.

    Once this returns no row, no run of activity, before the change or after it, leads out of the scope. Then events of the
    scope's days alone give the sessions of those days, and these replace exactly the sessions whose `started_date` is in scope.

    Args:
        connection: a DuckDB connection.
        bounds: visitor_id, day, first_at, last_at: a visitor's first and last activity on a day, over the events before and
            after the change together; at least for the days in scope and the days next to them. Bounds that are too wide,
            as they count events that are no activity, do no harm.
        scope: visitor_id, day; at first the days of all events that came or went.

    Returns:
        visitor_id, day: days not in scope, on which the visitor's activity is no more than `PAUSE` from that on a day in scope
        next to it. Add them and ask again.
    """
    connection.register("bounds", bounds)
    connection.register("scope", scope)
    result = connection.sql(_UNSETTLED, params={"pause": PAUSE}).to_arrow_table()
    connection.unregister("bounds")
    connection.unregister("scope")
    return result


@dataclass(frozen=True, slots=True)
class _Cut:
    """Activity in order, cut into sessions.

    `rows`: for each place in the order, the row of the events. `starts`: the places at which sessions begin, ascending.
    Flags are given for rows of the events; answers are given for sessions.
    """

    rows: _Numbers
    starts: _Numbers

    @property
    def lengths(self) -> _Numbers:
        """How many events each session has."""
        return np.diff(self.starts, append=self.rows.size)

    def count(self, flags: _Flags) -> _Numbers:
        """How many events of each session are flagged."""
        return np.add.reduceat(flags[self.rows], self.starts, dtype=np.int64)

    def first(self, flags: _Flags) -> pa.Array:
        """The row of each session's first flagged event, or null."""
        places = np.where(flags[self.rows], np.arange(self.rows.size), self.rows.size)
        return self._rows(np.minimum.reduceat(places, self.starts))

    def last(self, flags: _Flags) -> pa.Array:
        """The row of each session's last flagged event, or null."""
        places = np.where(flags[self.rows], np.arange(self.rows.size), -1)
        return self._rows(np.maximum.reduceat(places, self.starts))

    def number(self) -> _Numbers:
        """For each place, the number of its session, from 0."""
        return np.repeat(np.arange(self.starts.size), self.lengths)

    def _rows(self, places: _Numbers) -> pa.Array:
        found = (places >= 0) & (places < self.rows.size)
        return pa.array(self.rows[np.where(found, places, 0)], mask=~found)


def _cut(events: pa.Table) -> _Cut:
    visitors = _codes(events["visitor_id"])
    rows = _in_order(events, visitors)
    begins = _after_pause(visitors[rows], _microseconds(events["occurred_at"])[rows])
    begins[_with_another_campaign(events, rows, begins)] = True
    return _Cut(rows, np.flatnonzero(begins))


def _in_order(events: pa.Table, visitors: _Numbers) -> _Numbers:
    """Rows that are activity, by visitor and time; the order is total, so that it rests on the set of events alone."""
    keys = {
        "visitor": visitors,
        "occurred_at": events["occurred_at"].combine_chunks(),
        # a landing page comes before what it sent in the same instant
        "is_no_page_view": pc.not_equal(events["event_type"], "page_viewed").combine_chunks(),
        "event_id": _long(events["event_id"]).combine_chunks(),
    }
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    rows: _Numbers = order.to_numpy().astype(np.int64)
    return rows[_is_activity(events)[rows]]


def _is_activity(events: pa.Table) -> _Flags:
    """Not so events without visitor, and removals that the cart service made by itself, at any hour."""
    reason = events["removal_reason"]
    by_visitor = pc.or_(pc.is_null(reason), pc.is_in(reason, value_set=_BY_VISITOR))
    return _flags(pc.and_(pc.is_valid(events["visitor_id"]), by_visitor))


def _after_pause(visitors: _Numbers, times: _Numbers) -> _Flags:
    """Flags the places at which a run of activity begins: another visitor, or the end of too long a pause."""
    begins = np.ones(times.size, dtype=np.bool_)
    begins[1:] = (np.diff(visitors) != 0) | (np.diff(times) > PAUSE // dt.timedelta(microseconds=1))
    return begins


def _with_another_campaign(events: pa.Table, rows: _Numbers, begins_run: _Flags) -> _Numbers:
    """The places of page views that bring another campaign than the run had; a run's first page view brings no other."""
    pages: _Numbers = np.flatnonzero(_is_type(events, "page_viewed")[rows])
    runs = np.cumsum(begins_run)[pages]
    is_landing = np.diff(runs, prepend=-1) != 0
    named = np.flatnonzero(_has_campaign(events)[rows[pages]])
    bringing = pa.array(rows[pages[named]])
    campaign = [_codes(_long(events[name]).take(bringing)) for name in _CAMPAIGN]
    is_other: _Flags = np.logical_or.reduce([np.diff(n, prepend=-2) != 0 for n in (runs[named], *campaign)])
    places: _Numbers = pages[named[is_other & ~is_landing[named]]]
    return places


def _has_campaign(events: pa.Table) -> _Flags:
    flags: _Flags = np.logical_or.reduce([_is_known(events, name) for name in _CAMPAIGN])
    return flags


def _described(events: pa.Table, cut: _Cut) -> pa.Table:
    """One row a session: its number, and what was counted and picked from its events."""
    page = _is_type(events, "page_viewed")
    first, landing = pa.array(cut.rows[cut.starts]), cut.first(page)
    picked = {
        "visitor_id": ("visitor_id", first),
        "first_event_id": ("event_id", first),
        "started_at": ("occurred_at", first),
        "ended_at": ("occurred_at", pa.array(cut.rows[cut.starts + cut.lengths - 1])),
        "customer_id": ("customer_id", cut.last(_is_known(events, "customer_id"))),
        "landing_page_url": ("page_url", landing),
        "exit_page_url": ("page_url", cut.last(page)),
        "referrer_url": ("referrer_url", landing),
    }
    picked |= {name: (name, cut.first(_is_known(events, name))) for name in _FIRST_KNOWN}
    # a page view that brings a campaign later on belongs to another session
    picked |= {name: (name, landing) for name in _CAMPAIGN}
    counted = {name: cut.count(_is_type(events, event_type)) for name, event_type in _COUNTED.items()}
    # sessions in the order of the rows, so that values are fetched in one pass over them
    order = np.argsort(first.to_numpy())
    taken = {name: _long(events[column]).take(rows.take(order)) for name, (column, rows) in picked.items()}
    numbers = {"session": order, "event_count": cut.lengths[order]}
    return pa.table(numbers | {name: counts[order] for name, counts in counted.items()} | taken)


def _orders(events: pa.Table, cut: _Cut) -> pa.Table:
    """One row an order: the number of its session, its amount and currency."""
    is_order = _is_type(events, "order_placed")[cut.rows]
    orders = events.select(["total_amount", "currency_code"]).take(pa.array(cut.rows[is_order]))
    return orders.append_column("session", pa.array(cut.number()[is_order]))


def _is_type(events: pa.Table, event_type: str) -> _Flags:
    return _flags(pc.equal(events["event_type"], event_type))


def _is_known(events: pa.Table, column: str) -> _Flags:
    return _flags(pc.is_valid(events[column]))


def _flags(column: pa.ChunkedArray) -> _Flags:
    flags: _Flags = column.to_numpy()
    return flags


def _long(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text with long offsets: Arrow picks from chunks by joining them, and may then pass 2 GiB."""
    return column.cast(pa.large_string()) if column.type == pa.string() else column


def _microseconds(column: pa.ChunkedArray) -> _Numbers:
    times: _Numbers = column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return times


def _codes(column: pa.ChunkedArray) -> _Numbers:
    """A number for each value, equal for equal values; -1 for null."""
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    codes: _Numbers = pc.fill_null(pa.chunked_array([c.indices for c in chunks], pa.int32()), -1).to_numpy()
    return codes
