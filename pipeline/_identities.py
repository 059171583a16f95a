"""Who is who: identifiers seen together, by day, and the persons that follow from all days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from lakehouse.datafiles import fit
from lakehouse.duck import open_duckdb
from lakehouse.engine import Engine
from pipeline._changes import Cuts, run_query
from pipeline._derived import DerivedTable, Difference, Rows
from pipeline.run import Run
from transforms.identities import edges
from transforms.identity_graph import affected, aggregate, among, changed
from transforms.identity_resolution import Resolution, resolve

_CLUSTERS = "semi join clusters using (cluster_id)"


def derive_identities(run: Run, cuts: Cuts, engine: Engine) -> list[DerivedTable]:
    """Find the pairs of the days that changed, then resolve the clusters these touch; returns the tables that changed."""
    pairs = DerivedTable(run, "identity_edges")
    days = sorted({day for event_type in pairs.inputs for day in cuts.days(event_type)})
    if not days:
        return []
    schema = cuts.schema("identity_edges")
    items = [_day(cuts, pairs, day) for day in days]
    differences = [found for _, found in engine.each(PairsOfDay(schema), items)]
    pairs.take(engine, differences)
    persons, merges = DerivedTable(run, "customer_identities"), DerivedTable(run, "identity_merges")
    gone = pa.concat_tables([each.gone for each in differences])
    came = [file.path for each in differences for file in each.files]
    if came or len(gone):
        with open_duckdb(pairs.target.location) as connection:
            _resolve(connection, engine, pairs, persons, merges, came, gone)
    return [pairs, persons, merges]


def _day(cuts: Cuts, pairs: DerivedTable, day: dt.date) -> tuple[dt.date, str, Rows]:
    events = [
        cuts.reads("identity_edges", event_type, cuts.files(event_type, [day])) for event_type in pairs.inputs
    ]
    return day, " union all ".join(events), pairs.rows(pairs.paths([day]))


@dataclass(frozen=True, slots=True)
class PairsOfDay:
    """Computes the pairs of one day and writes what differs."""

    schema: pa.Schema

    def __call__(self, item: tuple[dt.date, str, Rows]) -> Difference:
        """The day, a query for its events, and the rows that are there."""
        day, query, rows = item
        with open_duckdb(rows.target.location) as connection:
            after = edges(connection, fit(run_query(query), self.schema))
            return rows.replace(connection, after, day.toordinal(), scope="")


def _resolve(
    connection: duckdb.DuckDBPyConnection,
    engine: Engine,
    pairs: DerivedTable,
    persons: DerivedTable,
    merges: DerivedTable,
    came: list[str],
    gone: pa.Table,
) -> None:
    """Resolve in one task, here: pairs are few beside events."""
    graph = aggregate(connection, connection.sql(pairs.query(pairs.after())))
    known = run_query(
        f"select identifier_kind, identifier_value, cluster_id from ({persons.query(persons.paths())})"
    )
    touched = changed(connection, graph, gone, run_query(pairs.query(came)))
    again = affected(connection, graph, touched, known)
    connection.register("again", again)
    connection.register("known", known)
    connection.execute(
        "create temp table clusters as select distinct cluster_id from known semi join again using (identifier_kind, identifier_value)"
    )
    resolution = resolve(connection, among(connection, graph, again))
    _take(connection, engine, persons, merges, resolution)


def _take(
    connection: duckdb.DuckDBPyConnection,
    engine: Engine,
    persons: DerivedTable,
    merges: DerivedTable,
    resolution: Resolution,
) -> None:
    for table, rows in ((persons, resolution.identities), (merges, resolution.merges)):
        table.take(engine, [table.rows(table.paths()).replace(connection, rows, 0, scope=_CLUSTERS)])
