"""Movements of stock and the balance after each, by SKU and location; days of it.

The whole is `ledger(movements(events), no openings)`. A late, removed or altered event needs only the ledger's own rows:

    touched    the movements that came, and the ledger's rows of those that went
    starts   = first_affected(touched)
    openings = openings(starts, rows of these keys before their from_date)
    rows     = ledger(rows from COUNT_DAYS before from_date on, less those that went, and those that came; openings)

`rows` then stand for all rows of the key from its from_date on. Rows may come in any order; no row may come twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

COUNT_DAYS: Final = 3
"""Most days between a count's first and last figure: a store is counted in a night or over a weekend."""
MOST_UNITS: Final = 1_000_000_000
"""More is a slip, such as a barcode typed for a quantity; without it, sums of 9 thousand million rows stay within 64 bits."""

MOVEMENT: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("moved_at", pa.timestamp("us")),
        ("moved_date", pa.date32()),
        ("sku", pa.string()),
        ("location_id", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("stock_status", pa.string()),
        ("is_count_booking", pa.bool_()),
        ("count_id", pa.string()),
        ("bin_code", pa.string()),
        ("lot_number", pa.string()),
        ("stated_quantity", pa.int64()),
        ("count_started_date", pa.date32()),
    ]
)
"""The columns of the ledger from which the others follow. `count_started_date` follows too; it is read only in rows before a
key's from_date, where it says which counts are open."""

OPENING: Final = pa.schema(
    [
        ("sku", pa.string()),
        ("location_id", pa.string()),
        ("from_date", pa.date32()),
        ("balance_quantity", pa.int64()),
        ("is_counted", pa.bool_()),
    ]
)
"""How a key stands before the first row of its from_date: its balance, and whether a count ever set it."""

_SQL: Final = {p.stem: p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("stock_*.sql")}


def movements(connection: duckdb.DuckDBPyConnection, events: pa.Table) -> pa.Table:
    """Events of stock → movements (MOVEMENT), a row for each; `count_started_date` is null.

    Args:
        connection: a DuckDB connection.
        events: event_id, event_type, occurred_at and what stock_ledger `reads`.
    """
    return _query(connection, "stock_movements", events=events)


def first_affected(connection: duckdb.DuckDBPyConnection, touched: pa.Table) -> pa.Table:
    """The first day on which the ledger may change: sku, location_id, from_date, a row for each key touched.

    A figure may take the end of its count from one up to COUNT_DAYS earlier, or give it back; any other movement changes
    nothing before its own day.

    Args:
        connection: a DuckDB connection.
        touched: sku, location_id, kind and moved_date of movements that came or went; of an altered one, both.
    """
    return _query(connection, "stock_first_affected", {"count_days": COUNT_DAYS}, stock_touched=touched)


def openings(connection: duckdb.DuckDBPyConnection, starts: pa.Table, ledger: pa.Table) -> pa.Table:
    """How each key stands before its from_date (OPENING); 0 and never counted where it has no row before.

    Args:
        connection: a DuckDB connection.
        starts: sku, location_id, from_date.
        ledger: the ledger's rows of these keys before that day, at least the last day's of each; others are not looked at.
    """
    return _query(connection, "stock_openings", stock_starts=starts, stock_ledger=ledger)


def ledger(connection: duckdb.DuckDBPyConnection, movements: pa.Table, openings: pa.Table) -> pa.Table:
    """Rows of the ledger from each key's from_date on, all columns but run_id, the rows of a key together and in their order.

    Args:
        connection: a DuckDB connection.
        movements: columns MOVEMENT (others are not looked at). Every movement of the keys from from_date on, and every figure
            of the COUNT_DAYS days before it, as the ledger has it. Other rows before from_date change nothing.
        openings: OPENING. A key that is not there opens at 0, never counted, and all its movements are given back.
    """
    numbered = _numbered(movements)
    parameters = {"count_days": COUNT_DAYS, "most_units": MOST_UNITS}
    placed = _query(connection, "stock_ledger", parameters, stock_movements=numbered, stock_openings=openings)
    rows = numbered.select(MOVEMENT.names[:-1]).take(placed["line"])
    for name, column in {"count_started_date": placed["count_started_date"], **_balances(placed)}.items():
        rows = rows.append_column(name, column)
    return rows


def balances(connection: duckdb.DuckDBPyConnection, ledger: pa.Table) -> pa.Table:
    """Rows of stock_balances, all columns but run_id: one for each key and day on which something counted.

    Args:
        connection: a DuckDB connection.
        ledger: the ledger's rows of whole days of keys. A day's row follows from that day's rows alone.
    """
    return _query(connection, "stock_balances", stock_ledger=ledger)


def _query(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    parameters: dict[str, int] | None = None,
    **tables: pa.Table,
) -> pa.Table:
    for alias, table in tables.items():
        connection.register(alias, table)
    result = connection.sql(_SQL[name], params=parameters).to_arrow_table()
    for alias in tables:
        connection.unregister(alias)
    return result


def _numbered(movements: pa.Table) -> pa.Table:
    """MOVEMENT, with `line`, the row's number, and `key`, a number for its SKU and location: text sorts and groups slowly."""
    rows = movements.select(MOVEMENT.names).cast(MOVEMENT)
    sku, location = _codes(rows["sku"]), _codes(rows["location_id"])
    key = sku * (location.max(initial=0) + 1) + location
    return rows.append_column("line", pa.array(np.arange(len(key)))).append_column("key", pa.array(key))


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.combine_chunks().dictionary_encode().indices, dtype=np.int64)


def _balances(placed: pa.Table) -> dict[str, pa.Array]:
    """The columns that follow from one row to the next, for rows of stock_ledger.sql in its order."""
    opening, counted, quantity = (
        placed[name].to_numpy() for name in ("opening_quantity", "counted_quantity", "quantity")
    )
    begins, settles = _changes(placed["key"].to_numpy()), placed["settles"].to_numpy()
    is_counted = placed["is_opening_counted"].to_numpy() | (_last(settles) >= _last(begins))
    repeats = placed["books_count"].to_numpy() & is_counted
    moved = np.where(repeats, 0, quantity)
    total = np.cumsum(moved)
    since = _last(begins | settles)
    balance = np.where(settles, counted, opening + moved)[since] + total - total[since]
    before = np.where(begins, opening, np.roll(balance, 1))
    return {
        "effect": pc.if_else(pa.array(repeats), "already_counted", placed["effect"]),
        "quantity_change": pa.array(balance - before),
        "balance_quantity": pa.array(balance),
        "is_counted": pa.array(is_counted),
        "is_negative": pa.array(balance < 0),
    }


def _changes(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """True where a value differs from the one before it, and for the first."""
    return np.concatenate([np.ones(len(values[:1]), np.bool_), values[1:] != values[:-1]])


def _last(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each place, the last place up to it where the flag is set; -1 before the first."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), -1))
