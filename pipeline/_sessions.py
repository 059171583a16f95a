"""Sessions of the visitors of whom events came or went, on the days that these touch."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.duck import open_duckdb
from lakehouse.engine import Engine
from pipeline._changes import Cuts, ReadAs, changed_rows, run_query, staged
from pipeline._derived import DerivedTable, Difference, Rows
from pipeline.run import Run
from transforms.sessions import sessions, unsettled

_DAY = dt.timedelta(days=1)
_SCOPE = "(scope)"
"""Stands for the event type in rows that say which days of a visitor are computed again."""


def derive_sessions(run: Run, cuts: Cuts, engine: Engine) -> list[DerivedTable]:
    """Compute sessions again where events came or went; returns the tables that changed."""
    table = DerivedTable(run, "sessions")
    changed = changed_rows(cuts, engine, table.inputs, ["visitor_id"])
    if not len(changed):
        return []
    bounds = changed.select(["visitor_id", "day", "first_at", "last_at"])
    scope = _grown(run, cuts, engine, table.inputs, bounds)
    days = set(pc.unique(scope["day"]).to_pylist())
    schema = cuts.schema("sessions")
    queries = _queries(cuts, table.inputs, days, staged(run, "sessions-scope", scope))
    task = SessionsLot(table.rows(table.paths(days)))
    table.take(engine, engine.by_key(ReadAs(schema), queries, ["visitor_id"], schema, task))
    return [table]


def _queries(cuts: Cuts, inputs: tuple[str, ...], days: set[dt.date], scope: str) -> list[str]:
    """Events of the scope, and a mark for each visitor-day in it, so that a lot knows its own."""
    marks = f"select visitor_id, '{_SCOPE}' as event_type, cast(day as timestamp) as occurred_at from read_parquet('{scope}')"
    return [marks] + [
        f"select rows.* from ({cuts.reads('sessions', event_type, files)}) as rows semi join read_parquet('{scope}') as scope"
        " on scope.visitor_id = rows.visitor_id and scope.day = cast(rows.occurred_at as date)"
        for event_type in inputs
        if (files := cuts.files(event_type, days))
    ]


@dataclass(frozen=True, slots=True)
class SessionsLot:
    """Computes the sessions of one lot of visitors and writes what differs."""

    rows: Rows

    def __call__(self, number: int, found: pa.Table) -> Difference:
        """`found` are events and marks."""
        is_mark = pc.equal(found["event_type"], _SCOPE)
        marks = found.filter(is_mark)
        scope = pa.table({"visitor_id": marks["visitor_id"], "day": marks["occurred_at"].cast(pa.date32())})
        with open_duckdb(self.rows.target.location) as connection:
            after = sessions(connection, found.filter(pc.invert(is_mark)))
            connection.register("scope", scope)
            return self.rows.replace(connection, after, number, scope=_IN_SCOPE)


_IN_SCOPE = "semi join scope on scope.visitor_id = rows.visitor_id and scope.day = rows.started_date"


def _grown(run: Run, cuts: Cuts, engine: Engine, inputs: tuple[str, ...], bounds: pa.Table) -> pa.Table:
    """The scope, grown until no run of activity leads out of it."""
    scope = _distinct(bounds)
    if cuts.before is None:  # every event is in scope
        return scope
    seen: set[dt.date] = set()
    while True:
        days = {
            day + shift for day in pc.unique(scope["day"]).to_pylist() for shift in (-_DAY, 0 * _DAY, _DAY)
        }
        path = staged(run, "sessions-visitors", scope)
        queries = [
            "select visitor_id, cast(occurred_at as date) as day, min(occurred_at) as first_at, max(occurred_at) as last_at"
            f" from ({cuts.rows(event_type, files)}) semi join read_parquet('{path}') using (visitor_id) group by all"
            for event_type in inputs
            if (files := cuts.files(event_type, days - seen))
        ]
        seen |= days
        bounds = pa.concat_tables([bounds, *(found for _, found in engine.each(run_query, queries))])
        with duckdb.connect() as connection:
            more = unsettled(connection, _widest(bounds), scope)
        if not len(more):
            return scope
        scope = pa.concat_tables([scope, more.cast(scope.schema)])


def _distinct(bounds: pa.Table) -> pa.Table:
    with duckdb.connect() as connection:
        connection.register("bounds", bounds)
        return connection.sql("select distinct visitor_id, day from bounds").to_arrow_table()


def _widest(bounds: pa.Table) -> pa.Table:
    with duckdb.connect() as connection:
        connection.register("bounds", bounds)
        return connection.sql(
            "select visitor_id, day, min(first_at) as first_at, max(last_at) as last_at from bounds group by all"
        ).to_arrow_table()
