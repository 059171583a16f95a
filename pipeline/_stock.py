"""The stock ledger and daily balances of the SKUs and locations that moved, from the day that is touched on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.datafiles import fit
from lakehouse.duck import open_duckdb
from lakehouse.engine import Engine
from pipeline._changes import Cuts, ReadAs, changed_rows, run_query, staged
from pipeline._derived import DerivedTable, Difference, Rows
from pipeline.run import Run
from transforms.stock_ledger import (
    COUNT_DAYS,
    MOVEMENT,
    OPENING,
    balances,
    first_affected,
    ledger,
    movements,
    openings,
)

_KEY: Final = ["sku", "location_id"]
_LOOK_BACK: Final = 8
"""Days of the ledger looked into at first for what a key had before; twice as many each time, until every key is found."""


def derive_stock(run: Run, cuts: Cuts, engine: Engine) -> list[DerivedTable]:
    """Compute stock again where events came or went; returns the tables that changed."""
    table, daily = DerivedTable(run, "stock_ledger"), DerivedTable(run, "stock_balances")
    changed = changed_rows(cuts, engine, table.inputs, _KEY)
    if not len(changed):
        return []
    with duckdb.connect() as connection:
        starts = first_affected(connection, _touched(changed))
        found = openings(connection, starts, _before(run, table, starts))
    first = pc.min(starts["from_date"]).as_py()
    queries = _queries(run, cuts, table, changed, found)
    schema = pa.unify_schemas([cuts.schema("stock_ledger"), MOVEMENT, OPENING])
    lot = StockLot(
        table.rows(table.paths(since=first)),
        daily.rows(daily.paths(since=first)),
        cuts.schema("stock_ledger"),
    )
    lots = engine.by_key(ReadAs(schema), queries, _KEY, schema, lot)
    table.take(engine, [entries for entries, _ in lots])
    daily.take(engine, [days for _, days in lots])
    return [table, daily]


def _touched(changed: pa.Table) -> pa.Table:
    kinds = pc.replace_substring(changed["event_type"], "stock_", "")
    return pa.table({**{name: changed[name] for name in _KEY}, "kind": kinds, "moved_date": changed["day"]})


def _before(run: Run, table: DerivedTable, starts: pa.Table) -> pa.Table:
    """The last day's rows of each key before its from_date, looked for from there backwards."""
    path = staged(run, "stock-starts", starts)
    days = sorted((day for day in table.days() if day < pc.max(starts["from_date"]).as_py()), reverse=True)
    found, span = [run_query(_LAST_ROWS.format(rows=table.query([]), starts=path))], _LOOK_BACK
    while days:
        now, days = days[:span], days[span:]
        rows = run_query(_LAST_ROWS.format(rows=table.query(table.paths(now)), starts=path))
        found.append(rows)
        missing = _without_found(path, rows)
        if not len(missing):
            break
        path, span = staged(run, f"stock-starts-{span}", missing), span * 2
    return pa.concat_tables(found)


_LAST_ROWS: Final = """
select rows.* from ({rows}) as rows
join read_parquet('{starts}') as starts
    on starts.sku = rows.sku and starts.location_id = rows.location_id and rows.moved_date < starts.from_date
qualify rows.moved_date = max(rows.moved_date) over (partition by rows.sku, rows.location_id)
"""


def _without_found(path: str, rows: pa.Table) -> pa.Table:
    with open_duckdb(path) as connection:
        connection.register("found", rows.select(_KEY))
        return connection.sql(
            f"select * from read_parquet('{path}') anti join found using (sku, location_id)"
        ).to_arrow_table()


def _queries(run: Run, cuts: Cuts, table: DerivedTable, changed: pa.Table, found: pa.Table) -> list[str]:
    """Events of the days touched, the ledger's rows of the other days, and how each key opens."""
    days = set(pc.unique(changed["day"]).to_pylist())
    touched, start = staged(run, "stock-touched", changed), staged(run, "stock-openings", found)
    since = pc.min(found["from_date"]).as_py() - dt.timedelta(days=COUNT_DAYS)
    kept = (
        f"select rows.* exclude (is_counted) from ({table.query(table.paths(since=since))}) as rows join read_parquet('{start}') as starts"
        " on starts.sku = rows.sku and starts.location_id = rows.location_id"
        f" and rows.moved_date >= starts.from_date - {COUNT_DAYS}"
        f" anti join read_parquet('{touched}') as touched on touched.sku = rows.sku"
        " and touched.location_id = rows.location_id and touched.day = rows.moved_date"
    )
    events = [
        f"select rows.* from ({cuts.reads('stock_ledger', event_type, files)}) as rows semi join read_parquet('{touched}') as touched"
        " on touched.sku = rows.sku and touched.location_id = rows.location_id and touched.day = cast(rows.occurred_at as date)"
        for event_type in table.inputs
        if (files := cuts.files(event_type, days))
    ]
    return [f"select * from read_parquet('{start}')", kept, *events]


@dataclass(frozen=True, slots=True)
class StockLot:
    """Computes ledger and balances of one lot of keys and writes what differs."""

    entries: Rows
    daily: Rows
    events: pa.Schema

    def __call__(self, number: int, found: pa.Table) -> tuple[Difference, Difference]:
        """`found` are openings (with from_date), events (with event_type) and rows of the ledger (with kind)."""
        with open_duckdb(self.entries.target.location) as connection:
            opening = fit(found.filter(pc.is_valid(found["from_date"])), OPENING)
            came = movements(connection, fit(found.filter(pc.is_valid(found["event_type"])), self.events))
            kept = fit(found.filter(pc.is_valid(found["kind"])), MOVEMENT)
            after = ledger(connection, pa.concat_tables([fit(came, MOVEMENT), kept]), opening)
            days = balances(connection, after)
            connection.register("scope", opening)
            return (
                self.entries.replace(connection, after, number, scope=_SINCE.format(date="moved_date")),
                self.daily.replace(connection, days, number, scope=_SINCE.format(date="balance_date")),
            )


_SINCE: Final = "semi join scope on scope.sku = rows.sku and scope.location_id = rows.location_id and rows.{date} >= scope.from_date"
