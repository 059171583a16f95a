"""`sessions.md`, run whole, shuffled and visitor by visitor; and the rule in plain Python against any events."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import groupby, product
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.declarations import load_declarations
from lakehouse.arrow_types import arrow_schema, arrow_type
from tests.text_tables import titled
from transforms.sessions import PAUSE, sessions, unsettled

Row = dict[str, Any]
Cells = dict[str, str]

TABLES: Final = titled(Path(__file__).with_name("sessions.md").read_text())
CUTS: Final = [title for title, rows in TABLES.items() if "session" in rows[0]]
SCOPES: Final = [title for title, rows in TABLES.items() if "joins" in rows[0]]
CONNECTION: Final = duckdb.connect(config={"threads": 1})
MIDNIGHT: Final = dt.datetime(2026, 11, 1)  # noqa: DTZ001 times in tables carry no zone
DAY: Final = dt.timedelta(days=1)

DECLARATIONS: Final = load_declarations()
DECLARED: Final = DECLARATIONS.tables["sessions"]
DERIVED: Final = DECLARED.derived
assert DERIVED is not None
TYPES: Final = {
    field.name: arrow_type(field) for name in DERIVED.inputs for field in DECLARATIONS.curated[name]
} | {"event_type": pa.string()}
READS: Final = pa.schema(
    [(name, TYPES[name]) for name in ("event_id", "event_type", "occurred_at", *DERIVED.reads)]
)
CAMPAIGN: Final = ("campaign_source", "campaign_medium", "campaign_name")
NONE: Final = (None, None, None)
CAMPAIGNS: Final = (NONE, NONE, ("google", "cpc", "shoes"), ("google", None, "shoes"), (None, None, "boots"))
GIVEN: Final = {
    "id": "event_id",
    "event": "event_type",
    "visitor": "visitor_id",
    "removal": "removal_reason",
    "page": "page_url",
    "referrer": "referrer_url",
    "customer": "customer_id",
    "in": "channel",
    "device": "device_type",
    "country": "country_code",
    "bot": "is_bot",
    "currency": "currency_code",
}
"""Columns of the tables of text, and the columns of the events they stand for."""


def cut(events: Iterable[Row]) -> list[Row]:
    """Rows of `sessions`, in order of visitor and start."""
    found = sessions(CONNECTION, pa.Table.from_pylist(list(events), schema=READS)).to_pylist()
    return in_order(found)


def in_order(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda s: (s["visitor_id"], s["started_at"], s["session_id"]))


def moment(text: str) -> dt.datetime:
    """`10:30` of the first day, `+1 00:10:00.5` of the next."""
    days, _, time = text.rpartition(" ")
    return dt.datetime.combine(MIDNIGHT + int(days or 0) * DAY, dt.time.fromisoformat(time))


def event(cells: Cells, number: int) -> Row:
    """The event that a row of text describes."""
    row: Row = {"event_id": f"e{number:02}", "visitor_id": "ann"}
    row |= {GIVEN[name]: cell for name, cell in cells.items() if name in GIVEN and cell}
    if "is_bot" in row:
        row["is_bot"] = row["is_bot"] == "yes"
    row["visitor_id"] = None if row["visitor_id"] == "-" else row["visitor_id"]
    parts = (cells.get("campaign") or "-/-/-").split("/")
    row |= {
        name: None if part.strip() == "-" else part.strip()
        for name, part in zip(CAMPAIGN, parts, strict=True)
    }
    row["total_amount"] = Decimal(cells["amount"]) if cells.get("amount") else None
    return row | {"occurred_at": moment(cells["at"])}


def place(event: Row) -> tuple[dt.datetime, bool, str]:
    """The order of one visitor's events."""
    return event["occurred_at"], event["event_type"] != "page_viewed", event["event_id"]


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def outcome(events: Sequence[Row], wanted: Iterable[str]) -> list[Cells]:
    """For each event, the session it falls in, by the event that began it, and what that session says under `wanted`."""
    by_id = {e["event_id"]: e for e in events}
    found = cut(events)
    counted: Counter[str] = Counter()
    rows = []
    for each in events:
        of_visitor = [s for s in found if s["visitor_id"] == each["visitor_id"] and is_activity(each)]
        begun = [s for s in of_visitor if place(by_id[s["first_event_id"]]) <= place(each)]
        session = max(begun, key=lambda s: place(by_id[s["first_event_id"]]), default={})
        counted[session.get("first_event_id", "")] += 1
        rows.append(
            {"session": session.get("first_event_id", "")} | {n: text(session.get(n)) for n in wanted}
        )
    assert all(counted[s["first_event_id"]] == s["event_count"] for s in found)
    return rows


def lettered(rows: list[Cells]) -> list[Cells]:
    """The same rows, with sessions named a, b, c … as they come up."""
    names = dict.fromkeys(row["session"] for row in rows if row["session"])
    letters = dict(zip(names, "abcdefghij", strict=False)) | {"": ""}
    return [row | {"session": letters[row["session"]]} for row in rows]


def shuffled(events: Sequence[Row], wanted: Iterable[str]) -> list[Cells]:
    order = random.sample(range(len(events)), len(events))
    rows = dict(zip(order, outcome([events[n] for n in order], wanted), strict=True))
    return [rows[n] for n in range(len(events))]


def by_visitor(events: Sequence[Row], wanted: Iterable[str]) -> list[Cells]:
    rows: dict[str, Cells] = {}
    for visitor in {e["visitor_id"] for e in events}:
        own = [e for e in events if e["visitor_id"] == visitor]
        rows |= zip((e["event_id"] for e in own), outcome(own, wanted), strict=True)
    return [rows[e["event_id"]] for e in events]


@pytest.mark.parametrize("way", [outcome, shuffled, by_visitor])
@pytest.mark.parametrize("title", CUTS)
def test_every_table(title: str, way: Callable[[Sequence[Row], Iterable[str]], list[Cells]]) -> None:
    table = TABLES[title]
    said = [name for name in table[0] if name in {f.name for f in DECLARED.fields}]
    events = [event(cells, number) for number, cells in enumerate(table)]
    assert lettered(way(events, said)) == [{n: row[n] for n in ("session", *said)} for row in table]


@pytest.mark.parametrize("title", SCOPES)
def test_every_table_of_days(title: str) -> None:
    days = {(r["visitor"], dt.date.fromisoformat(r["day"])): r for r in TABLES[title]}
    bounds = {
        (visitor, day): [dt.datetime.combine(day, dt.time.fromisoformat(r[end])) for end in ("first", "last")]
        for (visitor, day), r in days.items()
    }
    scope = {day for day, r in days.items() if r["scope"]}
    assert joining(bounds, scope) == {day for day, r in days.items() if r["joins"] == "yes"}


def is_activity(event: Row) -> bool:
    removed_by_service = event.get("removal_reason") not in {None, "customer", "saved_for_later"}
    return event["visitor_id"] is not None and not removed_by_service


def campaign_of(event: Row) -> tuple[str | None, ...] | None:
    campaign = tuple(event[name] for name in CAMPAIGN)
    return campaign if any(campaign) and event["event_type"] == "page_viewed" else None


def goes_on(session: list[Row], event: Row) -> bool:
    """Whether the visitor's next event belongs to the session so far."""
    if event["occurred_at"] - session[-1]["occurred_at"] > dt.timedelta(minutes=30):
        return False
    campaign = campaign_of(event)
    if campaign is None or all(e["event_type"] != "page_viewed" for e in session):
        return True
    return [campaign] == [c for c in map(campaign_of, session) if c][:1]


def by_hand(events: Iterable[Row]) -> list[Row]:
    """The rule in plain words, event by event."""
    found: list[list[Row]] = []
    for each in sorted(filter(is_activity, events), key=lambda e: (e["visitor_id"], place(e))):
        if found and found[-1][0]["visitor_id"] == each["visitor_id"] and goes_on(found[-1], each):
            found[-1].append(each)
        else:
            found.append([each])
    return in_order(map(described, found))


def described(session: list[Row]) -> Row:
    """What a session says of itself."""
    first, last = session[0], session[-1]
    pages = [e for e in session if e["event_type"] == "page_viewed"] or [dict.fromkeys(READS.names)]
    counts = Counter(e["event_type"] for e in session)
    campaign = next(filter(None, map(campaign_of, session)), (None, None, None))
    seconds = int((first["occurred_at"] - dt.datetime(1970, 1, 1)) / dt.timedelta(microseconds=1))  # noqa: DTZ001 as above
    name = f"{seconds}|{len(first['visitor_id'])}|{first['visitor_id']}|{first['event_id']}"
    return {
        "session_id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "visitor_id": first["visitor_id"],
        "customer_id": next((e["customer_id"] for e in reversed(session) if e["customer_id"]), None),
        "started_at": first["occurred_at"],
        "ended_at": last["occurred_at"],
        "started_date": first["occurred_at"].date(),
        "duration_seconds": (last["occurred_at"] - first["occurred_at"]) // dt.timedelta(seconds=1),
        **{
            n: next((e[n] for e in session if e[n] is not None), None)
            for n in ("channel", "device_type", "country_code", "is_bot")
        },
        "landing_page_url": pages[0]["page_url"],
        "exit_page_url": pages[-1]["page_url"],
        "referrer_url": pages[0]["referrer_url"],
        **dict(zip(CAMPAIGN, campaign, strict=True)),
        "event_count": len(session),
        "page_view_count": counts["page_viewed"],
        "product_view_count": counts["product_viewed"],
        "search_count": counts["product_searched"],
        "cart_addition_count": counts["cart_item_added"],
        "checkout_count": counts["checkout_started"],
        "order_count": counts["order_placed"],
        **ordered([e for e in session if e["event_type"] == "order_placed"]),
        "is_bounce": sorted(counts)
        in (["page_viewed"], ["page_viewed", "product_viewed"], ["page_viewed", "product_searched"])
        and set(counts.values()) == {1},
        "is_converted": counts["order_placed"] > 0,
        "first_event_id": first["event_id"],
    }


def ordered(orders: list[Row]) -> Row:
    currencies = {e["currency_code"] for e in orders}
    total = sum((e["total_amount"] for e in orders), Decimal(0))
    if len(currencies) != 1 or total >= 10**14:
        return {"order_amount": None, "currency_code": None}
    return {"order_amount": total, "currency_code": currencies.pop()}


VISITORS: Final = ("ann", "bob", None)
# from midnight; many pauses are of 30 minutes
MINUTES: Final = (-700, -45, -30, -15, -15, -10, 0, 15, 15, 20, 45, 700)
EXTRAS: Final = (0, 0, 0, 0, 1, 999_999)
TIMES: Final = [
    MIDNIGHT + night * DAY + dt.timedelta(minutes=minutes, microseconds=extra)
    for night, minutes, extra in product((1, 2, 3), MINUTES, EXTRAS)
]
REASONS: Final = ("customer", "saved_for_later", "cart_expired")
KINDS: Final[list[tuple[str, Row]]] = [
    *(("page_viewed", dict(zip(CAMPAIGN, campaign, strict=True))) for campaign in CAMPAIGNS),
    *((name, {}) for name in DERIVED.inputs),
    *(("cart_item_removed", {"removal_reason": reason}) for reason in REASONS),
]
VALUES: Final = {
    "customer_id": (None, "C1", "C2"),
    "channel": (None, "web", "app"),
    "device_type": (None, "mobile", "desktop"),
    "country_code": (None, "FR", "DE"),
    "is_bot": (None, True, False),
    "page_url": ("/", "/a", "/b"),
    "referrer_url": (None, "/x", "/y"),
    "total_amount": tuple(map(Decimal, ("0.0001", "12.3400", "99999999999999.9999"))),
    "currency_code": ("EUR", "EUR", "CHF"),
}
DETAILS: Final = [dict(zip(VALUES, values, strict=True)) for values in product(*VALUES.values())]
ONE: Final = st.tuples(
    st.sampled_from([*VISITORS[:2], *VISITORS]),
    st.sampled_from(TIMES),
    st.sampled_from(KINDS),
    st.sampled_from(DETAILS),
)
EVENTS: Final = st.lists(ONE, min_size=20, max_size=40).map(
    lambda drawn: [drawn_event(number, *parts) for number, parts in enumerate(drawn)]
)


def drawn_event(number: int, visitor: str | None, at: dt.datetime, kind: tuple[str, Row], said: Row) -> Row:
    """An event; the ids are not in the order of the rows."""
    head = {
        "event_id": f"e{number * 7 % 40:02}",
        "event_type": kind[0],
        "visitor_id": visitor,
        "occurred_at": at,
    }
    return dict.fromkeys(READS.names) | head | said | kind[1]


@settings(max_examples=40)
@given(EVENTS)
def test_any_events_are_cut_as_by_hand(events: list[Row]) -> None:
    assert cut(events) == by_hand(events)


@settings(max_examples=10)
@given(EVENTS, st.randoms(use_true_random=False))
def test_order_and_partition_do_not_matter(events: list[Row], chance: random.Random) -> None:
    mixed = chance.sample(events, len(events))
    parts = [[e for e in mixed if e["visitor_id"] == visitor] for visitor in VISITORS]
    assert cut(mixed) == [s for part in parts for s in cut(part)] == cut(events)


Days = set[tuple[str, dt.date]]
SCOPE: Final = pa.schema([("visitor_id", pa.string()), ("day", pa.date32())])
BOUNDS: Final = pa.schema([*SCOPE, ("first_at", pa.timestamp("us")), ("last_at", pa.timestamp("us"))])


def day_of(event: Row) -> tuple[str, dt.date]:
    return event["visitor_id"], event["occurred_at"].date()


def joining(bounds: dict[tuple[str, dt.date], list[dt.datetime]], scope: Days) -> Days:
    """What `unsettled` would have join the scope."""
    rows = [(visitor, day, min(times), max(times)) for (visitor, day), times in bounds.items()]
    found = unsettled(
        CONNECTION,
        pa.Table.from_pylist([dict(zip(BOUNDS.names, row, strict=True)) for row in rows], schema=BOUNDS),
        pa.Table.from_pylist([dict(zip(SCOPE.names, day, strict=True)) for day in scope], schema=SCOPE),
    )
    assert found.schema == SCOPE
    return {(row["visitor_id"], row["day"]) for row in found.to_pylist()}


def settled(events: list[Row], scope: Days) -> Days:
    """The scope, grown until it is closed; bounds are given for its days and their neighbours alone."""
    while True:
        near = {(v, d + n * DAY) for v, d in scope for n in (-1, 0, 1)}
        of_days = groupby(
            sorted((day_of(e), e["occurred_at"]) for e in events if day_of(e) in near), lambda x: x[0]
        )
        more = joining({day: [at for _, at in times] for day, times in of_days}, scope)
        assert not more & scope
        if not more:
            return scope
        scope = scope | more


@settings(max_examples=40)
@given(EVENTS, st.data())
def test_sessions_of_a_settled_scope_replace_exactly_those_that_start_in_it(
    events: list[Row], data: st.DataObject
) -> None:
    named = [e["event_id"] for e in events if e["visitor_id"]]
    assume(named)
    comes, goes = (data.draw(st.sets(st.sampled_from(named), max_size=2)) for _ in range(2))
    before = [e for e in events if e["visitor_id"] and e["event_id"] not in comes]
    after = [e for e in events if e["visitor_id"] and e["event_id"] not in goes - comes]
    scope = settled(before + after, {day_of(e) for e in events if e["event_id"] in comes | goes})
    kept = [s for s in cut(before) if (s["visitor_id"], s["started_date"]) not in scope]
    made = cut(e for e in after if day_of(e) in scope)
    assert all((s["visitor_id"], s["started_date"]) in scope for s in made)
    assert in_order(kept + made) == cut(after)


def test_columns_are_those_declared() -> None:
    wanted = arrow_schema(f for f in DECLARED.fields if f.name != "run_id")
    assert sessions(CONNECTION, READS.empty_table()).schema == wanted
    assert sessions(CONNECTION, pa.Table.from_pylist([page("e1")], schema=READS)).schema == wanted


def test_events_without_visitor_make_no_session() -> None:
    assert cut([page("e1", visitor_id=None)]) == []


def page(event_id: str, **cells: Any) -> Row:
    at = MIDNIGHT + dt.timedelta(hours=10)
    return {
        "event_id": event_id,
        "event_type": "page_viewed",
        "occurred_at": at,
        "visitor_id": "ann",
    } | cells


def test_ids_differ_though_an_event_id_came_again_after_the_horizon() -> None:
    again = page("e1", occurred_at=MIDNIGHT + 40 * DAY)
    assert len({s["session_id"] for s in cut([page("e1"), again])}) == 2


def test_ids_differ_though_visitor_and_event_run_together() -> None:
    events = [page("c", visitor_id="a|b"), page("b|c", visitor_id="a")]
    assert len({s["session_id"] for s in cut(events)}) == 2


def test_a_late_event_before_the_first_is_what_changes_the_id() -> None:
    events = [page("e2"), page("e3", occurred_at=page("")["occurred_at"] + PAUSE)]
    (before,), (after,) = cut(events[:1]), cut(events)
    assert before["session_id"] == after["session_id"]
    (earlier,) = cut([*events, page("e1", occurred_at=page("")["occurred_at"] - PAUSE)])
    assert earlier["session_id"] != after["session_id"]


def test_chunks_and_dictionaries_of_columns_do_not_matter() -> None:
    events = [page(f"e{n}", visitor_id=f"v{n % 3}", campaign_source=f"s{n % 4}") for n in range(9)]
    chunks = [pa.Table.from_pylist(events[n : n + 2], schema=READS) for n in range(0, 9, 2)]
    table = pa.concat_tables(chunks)
    for name in ("visitor_id", "campaign_source"):
        coded = pa.chunked_array([c[name].combine_chunks().dictionary_encode() for c in chunks])
        table = table.set_column(table.schema.get_field_index(name), name, coded)
    found = sessions(CONNECTION, table).to_pylist()
    assert sorted(s["session_id"] for s in found) == sorted(s["session_id"] for s in cut(events))
