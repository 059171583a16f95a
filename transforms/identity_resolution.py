"""Who is who: persons from the graph of identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identities import columns
from transforms.identity_forest import Forest, Numbers, apart
from transforms.identity_graph import Graph

PROOFS: Final = ("crm_merge", "login_card", "login_email")
"""Rules that make one person of two who each have a login, strongest first.

The CRM says so; points on one card are one account; who reads a mailbox can get into every account that has it.
"""

HINTS: Final = ("login_phone", "order_contact", "login_device")
"""Rules that add to a person but never join two who each have a login, strongest first.

Families share phones and devices, and nobody checks what is typed into a guest's order.
"""

_RULES: Final = (*PROOFS, *HINTS, "alone")
_LINKS: Final = """
    select a, b, epoch_us(first_seen_at) as seen, list_position($rules, rule) - 1 as strength
    from links where is_open order by strength, seen, a, b
"""
_KEYS: Final = (
    "select left(sha256(identifier_kind || '|' || identifier_value), 32) as key from nodes order by number"
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Rows of `customer_identities` and of `identity_merges`, less run_id."""

    identities: pa.Table
    merges: pa.Table


@dataclass(frozen=True, slots=True)
class _Links:
    """Open links as arrays of one length: ends, first_seen_at in microseconds, place in _RULES."""

    a: Numbers
    b: Numbers
    seen: Numbers
    strength: Numbers

    def at(self, places: Numbers) -> _Links:
        return _Links(self.a[places], self.b[places], self.seen[places], self.strength[places])

    def rows(self) -> zip[tuple[int, int, int, bool]]:
        """Ends, time, and whether a hint is all it is."""
        is_hint = self.strength >= len(PROOFS)
        return zip(self.a.tolist(), self.b.tolist(), self.seen.tolist(), is_hint.tolist(), strict=True)


def resolve(connection: duckdb.DuckDBPyConnection, graph: Graph) -> Resolution:
    """Everyone in a graph, or in a part of it that no open link leads out of.

    Links are taken by rule, strongest first, then by first_seen_at, then by the numbers of their ends: the outcome depends on the
    graph alone.

    Args:
        connection: a DuckDB connection.
        graph: from `aggregate` or `among`.
    """
    connection.register("nodes", graph.nodes)
    connection.register("links", graph.links)
    found = connection.execute(_LINKS, {"rules": list(_RULES)}).fetchnumpy()
    keys = connection.sql(_KEYS).to_arrow_table()["key"]
    connection.unregister("nodes")
    connection.unregister("links")
    links = _Links(**{name: np.asarray(column, dtype=np.int64) for name, column in found.items()})
    return _resolution(graph.nodes, links, keys)


def _resolution(nodes: pa.Table, links: _Links, keys: pa.ChunkedArray) -> Resolution:
    kinds, births = nodes["identifier_kind"], nodes["first_seen_at"].cast(pa.int64())
    logins = pc.sum(pc.equal(kinds, "login")).as_py() or 0
    contacts = pc.sum(pc.not_equal(kinds, "device")).as_py() or 0
    persons, refused = _persons(links, len(nodes), logins)
    clusters = _clusters(persons, refused)
    joining, absorbed = _joins(links, persons, births.to_numpy(), logins, contacts)
    naming = _Naming(nodes, keys, clusters)
    merges = (
        naming.merges("merged", joining, persons[absorbed], absorbed),
        naming.merges("refused", refused, persons[refused.b], persons[refused.a]),
    )
    return Resolution(naming.identities(persons, _strongest(links, persons)), pa.concat_tables(merges))


def _persons(links: _Links, size: int, logins: int) -> tuple[Numbers, _Links]:
    """The person of each node, by its anchor, and the links that were refused. Nodes below `logins` are logins."""
    forest, refused = Forest(apart(size)), []
    for place, (left, right, _, is_hint) in enumerate(links.rows()):
        a, b = sorted((forest.name(left), forest.name(right)))
        # an anchor is the least of its person, so a person has a login when its anchor is one
        if is_hint and a != b and b < logins:
            refused.append(place)
        else:
            forest.join(a, b)
    return forest.names(), links.at(np.array(refused, dtype=np.int64))


def _clusters(persons: Numbers, refused: _Links) -> Numbers:
    forest = Forest(persons)
    for left, right, _, _ in refused.rows():
        forest.join(*sorted((forest.name(left), forest.name(right))))
    return forest.names()


def _joins(
    links: _Links, persons: Numbers, births: Numbers, logins: int, contacts: int
) -> tuple[_Links, Numbers]:
    """The links by which persons came to be one, as time went, and the anchors that lost their persons by them.

    These are not the links that `_persons` took: those are the strongest, and may be younger than the first that joined the two.
    """
    inner = links.at(np.flatnonzero(persons[links.a] == persons[links.b]))
    inner = inner.at(np.argsort(inner.seen, kind="stable"))
    # proofs alone decide which logins are one person: a hint that led there before joined nobody
    proofs = np.flatnonzero(inner.strength < len(PROOFS))
    places, lost = _lost(inner.at(proofs), births, range(logins))
    more_places, more_lost = _lost(inner, births, range(logins, contacts))
    return inner.at(np.concatenate([proofs[places], more_places])), np.concatenate([lost, more_lost])


def _lost(links: _Links, births: Numbers, anchors: range) -> tuple[Numbers, Numbers]:
    """Places of the links at which one of `anchors` lost its person, and those anchors.

    Who was first seen with the link had no person before, so adding an identifier to a person is no loss.
    """
    forest, born, lost = Forest(apart(len(births))), births.tolist(), []
    for place, (left, right, seen, _) in enumerate(links.rows()):
        a, b = sorted((forest.name(left), forest.name(right)))
        if a != b and b in anchors and born[b] < seen:
            lost.append((place, b))
        forest.join(a, b)
    places, absorbed = np.array(lost, dtype=np.int64).reshape(-1, 2).T
    return places, absorbed


def _strongest(links: _Links, persons: Numbers) -> Numbers:
    """For each node the strongest rule that ties it to its person, as place in _RULES."""
    inner = links.at(np.flatnonzero(persons[links.a] == persons[links.b]))
    strongest = np.full(len(persons), _RULES.index("alone"), dtype=np.int64)
    for ends in (inner.a, inner.b):
        np.minimum.at(strongest, ends, inner.strength)
    return strongest


@dataclass(frozen=True, slots=True)
class _Naming:
    """Turns numbers into what they stand for."""

    nodes: pa.Table
    keys: pa.ChunkedArray
    clusters: Numbers

    def identities(self, persons: Numbers, strongest: Numbers) -> pa.Table:
        found = {name: self.nodes[name] for name in self.nodes.column_names if name != "number"}
        found["identifier_key"] = self.keys
        found["person_id"] = self.keys.take(persons)
        found["cluster_id"] = self.keys.take(self.clusters)
        found["rule"] = _rules(strongest)
        found["first_seen_date"] = self.nodes["first_seen_at"].cast(pa.date32())
        return _shaped("customer_identities", found)

    def merges(self, outcome: str, links: _Links, persons: Numbers, absorbed: Numbers) -> pa.Table:
        merged_at = pa.array(links.seen).cast(pa.timestamp("us"))
        found = {
            f"{end}_{part}": self.nodes[f"identifier_{part}"].take(numbers)
            for end, numbers in (("a", links.a), ("b", links.b))
            for part in ("kind", "value")
        }
        found |= {"rule": _rules(links.strength), "outcome": pa.repeat(outcome, len(absorbed))}
        found |= {"person_id": self.keys.take(persons), "absorbed_person_id": self.keys.take(absorbed)}
        found |= {"merged_at": merged_at, "merged_date": merged_at.cast(pa.date32())}
        found["cluster_id"] = self.keys.take(self.clusters[absorbed])
        return _shaped("identity_merges", found)


def _rules(strengths: Numbers) -> pa.Array:
    return pa.array(_RULES).take(pa.array(strengths))


def _shaped(table: str, found: dict[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    schema = columns(table)
    return pa.table({name: found[name] for name in schema.names}).cast(schema)
