"""The graph of identifiers over all days, and which part of it a change concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa


def _sql(name: str) -> str:
    return Path(__file__).with_name(f"identity_{name}.sql").read_text(encoding="utf-8")


_GRAPH: Final = _sql("graph")
_CHANGED: Final = _sql("changed")
_AFFECTED: Final = _sql("affected")

CROWD: Final[Mapping[str, int]] = {
    # an account that had so many addresses or cards is an agent's, or where the CRM puts what it cannot place
    "login": 50,
    # a household shares one card; more is the card that a till scans for those who have none
    "loyalty_card": 5,
    # one person's accounts with several brands; more is an address that a call centre types for its callers
    "email": 5,
    # a family's or a small office's line, which joins nobody anyway
    "phone": 10,
    # a family's tablet and its guests; a kiosk or a till passes this within the day
    "device": 10,
}
"""With how many logins, cards, e-mail addresses or phones (the most of any one kind) an identifier may be seen.

One that was seen with more is shared: it links nobody. Below, a wrong link joins so many persons at most.
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """Identifiers and links between them.

    `nodes`: number (from 0, without gaps, by claim to give a person its name: logins, then contacts, then devices, the eldest of
    each first), identifier_kind, identifier_value, first_seen_at, is_shared, is_excluded, exclusion_reason. `links`: a, b
    (numbers of nodes), rule, first_seen_at, is_open (false where it joins nobody: an end is shared or excluded, or it is alone).
    """

    nodes: pa.Table
    links: pa.Table


def aggregate(
    connection: duckdb.DuckDBPyConnection,
    edges: pa.Table | duckdb.DuckDBPyRelation,
    crowd: Mapping[str, int] = CROWD,
) -> Graph:
    """The graph that rows of `identity_edges` make.

    Args:
        connection: a DuckDB connection, in which temporary tables are made.
        edges: the rows of all days, in memory or as a relation of this connection, such as one over Parquet files.
        crowd: as CROWD.
    """
    crowds = pa.table({"kind": list(crowd), "most": list(crowd.values())})
    connection.register("edges", edges)
    connection.register("crowds", crowds)
    connection.execute(_GRAPH)
    graph = Graph(
        _arrow(connection, "from identity_nodes order by number"), _arrow(connection, "from identity_links")
    )
    for name in ("edges", "crowds"):
        connection.unregister(name)
    for name in ("pairs", "decisions", "nodes", "links"):
        connection.execute(f"drop table identity_{name}")
    return graph


def changed(
    connection: duckdb.DuckDBPyConnection, graph: Graph, before: pa.Table, after: pa.Table
) -> pa.Table:
    """Identifiers of which something changed: a pair appeared, vanished or is older or younger than was known, or a decision came.

    Args:
        connection: a DuckDB connection.
        graph: of all rows of `identity_edges` as they are now.
        before: rows of `identity_edges` that are no longer there.
        after: rows that are new. Rows that stand in both do no harm.

    Returns:
        identifier_kind, identifier_value.
    """
    return _query(connection, _CHANGED, nodes=graph.nodes, links=graph.links, before=before, after=after)


def affected(
    connection: duckdb.DuckDBPyConnection, graph: Graph, touched: pa.Table, known: pa.Table
) -> pa.Table:
    """Identifiers whose clusters are to be resolved again after a change.

    To drop all rows of their clusters and to add `resolve(among(graph, affected))` equals resolving the whole graph.

    Args:
        connection: a DuckDB connection.
        graph: of all rows of `identity_edges` as they are now.
        touched: what `changed` gave, or more.
        known: identifier_kind, identifier_value, cluster_id of `customer_identities` as they were before the change.

    Returns:
        identifier_kind, identifier_value; those that are gone are among them.
    """
    return _query(connection, _AFFECTED, nodes=graph.nodes, links=graph.links, touched=touched, known=known)


def among(connection: duckdb.DuckDBPyConnection, graph: Graph, identifiers: pa.Table) -> Graph:
    """The part of a graph that lies among some identifiers (identifier_kind, identifier_value)."""
    chosen = _query(
        connection,
        "select row_number() over (order by number) - 1 as place, * from nodes "
        "semi join identifiers using (identifier_kind, identifier_value) order by number",
        nodes=graph.nodes,
        identifiers=identifiers,
    )
    links = _query(
        connection,
        "select a.place as a, b.place as b, rule, links.first_seen_at, is_open from links "
        "join chosen as a on a.number = links.a join chosen as b on b.number = links.b",
        links=graph.links,
        chosen=chosen,
    )
    return Graph(chosen.drop_columns("number").rename_columns(graph.nodes.column_names), links)


def _query(connection: duckdb.DuckDBPyConnection, sql: str, **tables: pa.Table) -> pa.Table:
    for name, table in tables.items():
        connection.register(name, table)
    result = _arrow(connection, sql)
    for name in tables:
        connection.unregister(name)
    return result


def _arrow(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return connection.sql(sql).to_arrow_table()
