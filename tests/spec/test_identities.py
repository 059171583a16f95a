"""`identities.md`: whole, shuffled, cut into days, and arriving bit by bit."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_schema
from tests.text_tables import rows
from transforms.identities import columns, edges
from transforms.identity_graph import CROWD, affected, aggregate, among, changed
from transforms.identity_resolution import Resolution, resolve

CONNECTION = duckdb.connect(config={"threads": 1})
CONNECTION.execute("set timezone = 'UTC'")
MONTH = dt.datetime(2026, 10, 31)  # noqa: DTZ001 times in tables carry no zone
KINDS = {
    "login": ("login", "customer_id"),
    "card": ("loyalty_card", "loyalty_card_id"),
    "e-mail": ("email", "email_hash"),
    "phone": ("phone", "phone_hash"),
    "device": ("device", "visitor_id"),
}
EVENT_TYPES = {
    "registration": "customer_registered",
    "update": "customer_updated",
    "visit": "page_viewed",
    "order": "order_placed",
    "sale": "sale_completed",
    "payment": "payment_captured",
    "exclusion": "identifier_excluded",
    "exclusion taken back": "identifier_excluded",
}
PLACEHOLDERS = {
    "hash of no text": hashlib.sha256(b"").hexdigest(),
    "the empty UUID": "00000000-0000-0000-0000-000000000000",
}
NOW = ["identifier_kind", "identifier_value", "cluster_id"]

Event = dict[str, Any]
Rows = list[dict[str, Any]]


def events_schema() -> pa.Schema:
    """What `edges` is given: what `identity_edges` reads, by the contracts of its inputs."""
    declarations = load_declarations()
    derived = declarations.tables["identity_edges"].derived
    assert derived
    found = {f.name: f for name in derived.inputs for f in declarations.curated[name]}
    envelope = pa.schema(
        [("event_id", pa.string()), ("event_type", pa.string()), ("occurred_at", pa.timestamp("us"))]
    )
    return pa.unify_schemas([envelope, arrow_schema(found[name] for name in derived.reads)])


EVENTS = events_schema()


def event(row: Mapping[str, str], number: int, title: str = "") -> Event:
    """The event that a row of text tells of; `title` goes before its identifiers."""
    made: Event = {
        "event_id": f"e-{999 - number}",
        "event_type": EVENT_TYPES[row["event"]],
        "occurred_at": MONTH + dt.timedelta(days=float(row["day"])),
    }
    named = {kind: PLACEHOLDERS.get(row[kind], title + row[kind]) for kind in KINDS if row.get(kind)}
    if row["event"].startswith("exclusion"):
        ((kind, value),) = named.items()
        made |= {"identifier_kind": KINDS[kind][0], "identifier_value": value, "reason": row["reason"]}
        return made | {"is_excluded": row["event"] == "exclusion"}
    made |= {KINDS[kind][1]: value for kind, value in named.items()}
    merged = [title + each for each in row["merges"].split(", ")] if row.get("merges") else None
    return made | {"merged_customer_ids": merged}


def edges_of(events: Iterable[Event]) -> pa.Table:
    return edges(CONNECTION, pa.Table.from_pylist(list(events), schema=EVENTS))


def whole(events: Iterable[Event], crowd: Mapping[str, int] = CROWD) -> Resolution:
    return resolve(CONNECTION, aggregate(CONNECTION, edges_of(events), crowd))


class Kept:
    """Tables kept up to date as events come and go, as a lake keeps them."""

    def __init__(self, crowd: Mapping[str, int] = CROWD) -> None:
        self.crowd = crowd
        self.edges = columns("identity_edges").empty_table()
        self.now = Resolution(
            columns("customer_identities").empty_table(), columns("identity_merges").empty_table()
        )

    def set_days(self, days: set[dt.date], events: list[Event]) -> None:
        """Take what those days' events are now; resolves what that bears on, and nothing else."""
        is_before = pc.is_in(self.edges["seen_date"], pa.array(days, pa.date32()))
        before, after = self.edges.filter(is_before), edges_of(events)
        self.edges = pa.concat_tables([self.edges.filter(pc.invert(is_before)), after])
        graph = aggregate(CONNECTION, self.edges, self.crowd)
        touched = changed(CONNECTION, graph, before, after)
        area = affected(CONNECTION, graph, touched, self.now.identities.select(NOW))
        self._replace(area, resolve(CONNECTION, among(CONNECTION, graph, area)))

    def _replace(self, area: pa.Table, found: Resolution) -> None:
        identifiers = {(r["identifier_kind"], r["identifier_value"]) for r in area.to_pylist()}
        known = self.now.identities.to_pylist()
        gone = {
            r["cluster_id"] for r in known if (r["identifier_kind"], r["identifier_value"]) in identifiers
        }
        self.now = Resolution(
            _without(self.now.identities, gone, found.identities),
            _without(self.now.merges, gone, found.merges),
        )


def _without(table: pa.Table, clusters: set[str], more: pa.Table) -> pa.Table:
    left = [row for row in table.to_pylist() if row["cluster_id"] not in clusters]
    return pa.concat_tables([pa.Table.from_pylist(left, schema=table.schema), more])


def arriving(events: list[Event], parts: list[list[int]], crowd: Mapping[str, int] = CROWD) -> Resolution:
    """The tables after the events arrived in those parts, given by their places."""
    kept, there = Kept(crowd), []
    for part in parts:
        there += [events[place] for place in part]
        days = {events[place]["occurred_at"].date() for place in part}
        kept.set_days(days, [each for each in there if each["occurred_at"].date() in days])
    return kept.now


def as_told(found: Resolution) -> dict[str, tuple[Rows, Rows]]:
    """Identities and merges as the cases tell of them, by case."""
    told: dict[str, tuple[Rows, Rows]] = {}
    names = {row["identifier_key"]: row["identifier_value"] for row in found.identities.to_pylist()}
    for row in found.identities.to_pylist():
        title, _, value = row["identifier_value"].rpartition("/")
        known = {"identifier": value, "person": _name(names[row["person_id"]]), "by": row["rule"]}
        told.setdefault(title, ([], []))[0].append(known | {"flag": _flag(row)})
    for row in found.merges.to_pylist():
        told[row["a_value"].rpartition("/")[0]][1].append(_meeting(row, names))
    return {title: (_sorted(identities), _sorted(merges)) for title, (identities, merges) in told.items()}


def _name(value: str) -> str:
    return value.rpartition("/")[2]


def _flag(row: Mapping[str, Any]) -> str:
    excluded = f"excluded: {row['exclusion_reason']}" if row["is_excluded"] else ""
    return "shared" if row["is_shared"] else excluded


def _meeting(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "day": f"{(row['merged_at'] - MONTH) / dt.timedelta(days=1):g}",
        "link": f"{_name(row['a_value'])}–{_name(row['b_value'])}",
        "rule": row["rule"],
        "outcome": row["outcome"],
        "person": _name(names[row["person_id"]]),
        "other": _name(names[row["absorbed_person_id"]]),
    }


def _sorted(told: Rows) -> Rows:
    return sorted(told, key=lambda row: sorted(row.items()))


class Case(NamedTuple):
    """Events, identities and merges of one case. Identifiers start with its title, so that all cases can run at once."""

    events: list[Event]
    identities: Rows
    merges: Rows


def case(title: str, text: str) -> Case:
    found: dict[str, Rows] = {"event": [], "identifier": [], "outcome": []}
    for block in text.split("\n\n"):
        table = rows(block) if block.lstrip().startswith("|") else []
        for name in found:
            found[name] += table if table and name in table[0] else []
    events = [event(row, number, f"{title}/") for number, row in enumerate(found["event"])]
    identities = [{"flag": "", **row} for row in found["identifier"]]
    return Case(events, _sorted(identities), _sorted(found["outcome"]))


TEXT = Path(__file__).with_name("identities.md").read_text()
CASES = {
    title: case(title, body) for title, _, body in (part.partition("\n") for part in TEXT.split("\n## ")[1:])
}
ALL = [each for case in CASES.values() for each in case.events]


def outcome(events: list[Event]) -> Resolution:
    """What comes of those events."""
    return whole(events)


def in_turn(turn: Callable[[list[Event]], list[Event]]) -> Resolution:
    """One event of every case at a time, each case's in its turn."""
    turns = itertools.zip_longest(*(turn(case.events) for case in CASES.values()))
    parts = [[ALL.index(each) for each in part if each] for part in turns]
    return arriving(ALL, parts)


def shuffled(events: list[Event]) -> list[Event]:
    return random.sample(events, len(events))


WAYS: dict[str, Callable[[], Resolution]] = {
    "whole": lambda: outcome(ALL),
    "shuffled": lambda: outcome(shuffled(ALL)),
    "cut into days": lambda: cut(ALL),
    "cut into days, shuffled": lambda: cut(shuffled(ALL)),
    "one by one": lambda: in_turn(list),
    "one by one, the last first": lambda: in_turn(lambda events: events[::-1]),
    "one by one, shuffled": lambda: in_turn(shuffled),
}


def cut(events: list[Event]) -> Resolution:
    days: dict[dt.date, list[Event]] = {}
    for each in events:
        days.setdefault(each["occurred_at"].date(), []).append(each)
    parts = [edges_of(day) for day in days.values()]
    return resolve(CONNECTION, aggregate(CONNECTION, pa.concat_tables(parts)))


@pytest.fixture(scope="module", params=WAYS)
def told(request: pytest.FixtureRequest) -> dict[str, tuple[Rows, Rows]]:
    return as_told(WAYS[request.param]())


def test_every_case_has_events_and_identities() -> None:
    assert len(CASES) > 30
    assert all(case.events and case.identities for case in CASES.values())


@pytest.mark.parametrize("title", CASES)
def test_each_case_comes_out_as_it_stands(title: str, told: dict[str, tuple[Rows, Rows]]) -> None:
    assert told[title] == (CASES[title].identities, CASES[title].merges)


def test_columns_are_those_declared() -> None:
    found = outcome(ALL)
    assert found.identities.schema == columns("customer_identities")
    assert found.merges.schema == columns("identity_merges")
    assert edges_of([]).schema == columns("identity_edges")


def test_a_row_of_edges_says_when_the_pair_was_first_and_last_seen_that_day() -> None:
    told = enumerate(["1.25", "1.5", "1.125", "2"])
    visits = [event({"day": day, "event": "visit", "login": "anna", "device": "d"}, n) for n, day in told]
    found = edges_of(visits).sort_by("seen_date").to_pylist()
    assert [(r["first_seen_at"] - MONTH, r["last_seen_at"] - MONTH) for r in found] == [
        (dt.timedelta(days=1.125), dt.timedelta(days=1.5)),
        (dt.timedelta(days=2), dt.timedelta(days=2)),
    ]


def test_a_person_is_named_by_a_hash_of_what_names_it() -> None:
    (row,) = whole([event({"day": "1", "event": "payment", "login": "anna"}, 0)]).identities.to_pylist()
    assert row["person_id"] == row["cluster_id"] == hashlib.sha256(b"login|anna").hexdigest()[:32]
    assert row["first_seen_date"] == dt.date(2026, 11, 1)


def test_edges_may_lie_in_files(tmp_path: Path) -> None:
    CONNECTION.register("found", edges_of(ALL))
    CONNECTION.execute(f"copy found to '{tmp_path}/edges.parquet'")
    graph = aggregate(CONNECTION, CONNECTION.read_parquet(f"{tmp_path}/edges.parquet"))
    assert as_told(resolve(CONNECTION, graph)) == as_told(outcome(ALL))


def test_of_nothing_comes_nothing() -> None:
    found = outcome([])
    assert (found.identities.num_rows, found.merges.num_rows) == (0, 0)
    assert found.identities.schema == columns("customer_identities")
