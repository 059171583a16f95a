"""Identities when events come, late or not, and when they go."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from test_identities import CONNECTION, NOW, Event, Kept, Resolution, arriving, edges_of, whole
from test_identities_by_hand import (
    CROWDS,
    DECISIONS,
    NO_CROWD,
    RANDOM,
    WORDS,
    Identifier,
    facts,
    made,
    worlds,
)

from transforms.identity_graph import affected, aggregate, changed


@settings(max_examples=6)
@given(RANDOM, CROWDS)
def test_any_order_and_any_cut_of_arrivals_give_one_outcome(
    rng: random.Random, crowd: dict[str, int]
) -> None:
    events = worlds(rng, WORDS + DECISIONS, range(1, 5))
    runs = [rng.randrange(4) for _ in events]
    parts = [[place for place, run in enumerate(runs) if run == number] for number in set(runs)]
    assert facts(arriving(events, parts, crowd)) == facts(whole(events, crowd))


@settings(max_examples=12)
@given(RANDOM, CROWDS)
def test_what_a_change_does_not_touch_need_not_be_resolved_again(
    rng: random.Random, crowd: dict[str, int]
) -> None:
    events, more = (worlds(rng, WORDS + DECISIONS, range(1, 5)) for _ in range(2))
    left = rng.sample(events, len(events) * 2 // 3)
    kept, days = Kept(crowd), {each["occurred_at"].date() for each in events + more}
    for now in (events, left, left + rng.sample(more, len(more) // 4), rng.sample(left, len(left) * 2 // 3)):
        kept.set_days(days, now)
        assert facts(kept.now) == facts(whole(now, crowd))


@settings(max_examples=6)
@given(RANDOM)
def test_an_id_goes_out_of_use_by_a_merge_only_and_the_log_has_it(rng: random.Random) -> None:
    events, later = (worlds(rng, WORDS, days) for days in (range(1, 5), range(6, 9)))
    before, after = whole(events, NO_CROWD), whole(events + later, NO_CROWD)
    persons = dict(
        zip(*(after.identities[name].to_pylist() for name in ("identifier_key", "person_id")), strict=True)
    )
    logged = {
        row["absorbed_person_id"]: row["person_id"]
        for row in after.merges.to_pylist()
        if row["outcome"] == "merged"
    }
    gone = set(before.identities["person_id"].to_pylist()) - set(after.identities["person_id"].to_pylist())
    assert {person: logged[person] for person in gone} == {person: persons[person] for person in gone}


def area_of(events: list[Event], more: list[Event], known: Resolution) -> set[Identifier]:
    after = edges_of(events + more)
    graph = aggregate(CONNECTION, after)
    touched = changed(CONNECTION, graph, edges_of(events), after)
    found = affected(CONNECTION, graph, touched, known.identities.select(NOW)).to_pylist()
    return {(row["identifier_kind"], row["identifier_value"]) for row in found}


def test_a_change_concerns_its_own_clusters_only() -> None:
    visit = {"event": "visit", "day": "1"}
    events = made([visit | {"login": str(n), "device": str(n)} for n in range(9)])
    more = made([{"event": "visit", "day": "2", "login": "4", "device": "7"}])
    assert {value for _, value in area_of(events, more, whole(events))} == {"4", "7"}


def test_a_pair_that_is_seen_again_concerns_nobody() -> None:
    visit = {"event": "visit", "login": "anna", "device": "laptop"}
    events = made([visit | {"day": "3"}])
    assert not area_of(events, made([visit | {"day": day} for day in ("3.5", "4")]), whole(events))
    assert len(area_of(events, made([visit | {"day": "2"}]), whole(events))) == 2


def test_one_more_login_at_a_till_does_not_concern_the_others() -> None:
    rows = [{"event": "sale", "day": "1", "login": str(n), "card": "till"} for n in range(20)]
    events = made(rows[:19])
    assert area_of(events, made(rows[19:]), whole(events)) == {("login", "19"), ("loyalty_card", "till")}


def test_edges_in_any_order_are_one_graph() -> None:
    visit = {"event": "visit"}
    days = [{"day": str(1 + n % 3), "login": str(n % 4), "device": str(n % 5)} for n in range(40)]
    rows = edges_of(made([visit | day for day in days]))
    shuffled = rows.take(pa.array(random.sample(range(len(rows)), len(rows))))
    first, second = (aggregate(CONNECTION, each) for each in (rows, shuffled))
    pairs = [("a", "ascending"), ("b", "ascending")]
    assert first.nodes.equals(second.nodes)
    assert first.links.sort_by(pairs).equals(second.links.sort_by(pairs))


def test_a_change_of_somebody_who_was_at_a_kiosk_does_not_concern_the_kiosk() -> None:
    rows = [{"event": "visit", "day": "1", "login": str(n), "device": "kiosk"} for n in range(20)]
    events, more = made(rows), made([{"event": "visit", "day": "2", "login": "4", "device": "phone"}])
    assert area_of(events, more, whole(events)) == {("login", "4"), ("device", "phone")}
