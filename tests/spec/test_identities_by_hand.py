"""Identities against a plain statement of the rules."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from test_identities import KINDS, Event, Resolution, edges_of, event, whole

ORDER = ["login", "loyalty_card", "email", "phone", "device"]
RULES = ["crm_merge", "login_card", "login_email", "login_phone", "order_contact", "login_device", "alone"]
SMALL = dict.fromkeys(ORDER, 2)
IDENTITY = ["a_kind", "a_value", "b_kind", "b_value", "rule", "seen_date"]
NO_CROWD = dict.fromkeys(ORDER, 1000)

Identifier = tuple[str, str]
Person = frozenset[Identifier]


class Link(NamedTuple):
    a: Identifier
    b: Identifier
    rule: str
    seen: dt.datetime


class Facts(NamedTuple):
    """What a resolution says, without keys: persons and clusters by the identifier that names them."""

    identities: dict[Identifier, tuple[Any, ...]]
    merges: set[tuple[Any, ...]]


def facts(found: Resolution) -> Facts:
    rows = found.identities.to_pylist()
    names = {row["identifier_key"]: (row["identifier_kind"], row["identifier_value"]) for row in rows}
    flags = ("rule", "first_seen_at", "is_shared", "exclusion_reason", "is_excluded")
    identities = {
        names[row["identifier_key"]]: (
            names[row["person_id"]],
            names[row["cluster_id"]],
            *map(row.get, flags),
        )
        for row in rows
    }
    merges = [
        (
            (r["a_kind"], r["a_value"]),
            (r["b_kind"], r["b_value"]),
            *map(r.get, ("rule", "merged_at", "outcome")),
            *(names[r[name]] for name in ("person_id", "absorbed_person_id", "cluster_id")),
        )
        for r in found.merges.to_pylist()
    ]
    assert len(identities) == len(rows)
    assert len(set(merges)) == len(merges)
    return Facts(identities, set(merges))


def links_of(made: Event) -> Iterator[Link]:
    here = [(kind, made[column]) for kind, column in KINDS.values() if made.get(column)]
    others = [
        ("login", each) for each in made["merged_customer_ids"] or () if each != made.get("customer_id")
    ]
    pairs = itertools.combinations(here, 2) if here[0][0] != "login" else ((here[0], b) for b in here[1:])
    for a, b in (*pairs, *(sorted((here[0], each)) for each in others)):
        yield Link(a, b, rule_of(a[0], b[0]), made["occurred_at"])
    if len(here) == 1 and here[0][0] != "device":
        yield Link(here[0], here[0], "alone", made["occurred_at"])


def rule_of(a: str, b: str) -> str:
    words = {
        "login": "crm_merge",
        "loyalty_card": "login_card",
        "email": "login_email",
        "phone": "login_phone",
    }
    return words.get(b, "login_device") if a == "login" else "order_contact"


class ByHand:
    """The rules in plain words, over sets of identifiers."""

    def __init__(self, events: list[Event], crowd: Mapping[str, int]) -> None:
        links: dict[tuple[Identifier, Identifier], Link] = {}
        decisions: dict[Identifier, Event] = {}
        for each in sorted(events, key=lambda e: (e["occurred_at"], e["event_id"])):
            if each["event_type"] == "identifier_excluded":
                decisions[each["identifier_kind"], each["identifier_value"]] = each
            else:
                for link in links_of(each):
                    links.setdefault((link.a, link.b), link)
        self.excluded = {i: each["reason"] for i, each in decisions.items() if each["is_excluded"]}
        self.first = {i: decisions[i]["occurred_at"] for i in self.excluded}
        for link in sorted(links.values(), key=lambda each: each.seen, reverse=True):
            self.first |= {link.a: link.seen, link.b: link.seen}
        self.shared = {i for i in self.first if is_crowd(i, links.values(), crowd[i[0]])}
        out = self.excluded.keys() | self.shared
        self.links = [each for each in links.values() if each.rule != "alone" and not {each.a, each.b} & out]

    def claim(self, identifier: Identifier) -> tuple[Any, ...]:
        """The least of a person's identifiers by this names it."""
        rank = ORDER.index(identifier[0])
        return {0: 0, 4: 2}.get(rank, 1), self.first[identifier], rank, identifier[1]

    def name(self, person: Iterable[Identifier]) -> Identifier:
        return min(person, key=self.claim)

    def order(self, link: Link) -> tuple[Any, ...]:
        return RULES.index(link.rule), link.seen, self.claim(link.a), self.claim(link.b)

    def join(
        self, links: Iterable[Link], *, refuse: bool = True
    ) -> tuple[dict[Identifier, Person], list[tuple[Link, Person, Person, bool]]]:
        """Who is with whom after the links, taken in turn; and of each link that met two persons whom, and if it joined them."""
        persons: dict[Identifier, Person] = {i: frozenset([i]) for i in self.first}
        met = []
        for link in links:
            left, right = persons[link.a], persons[link.b]
            joins = not (refuse and refuses(link, left, right))
            if left != right:
                met.append((link, left, right, joins))
            if joins:
                persons.update(dict.fromkeys(left | right, left | right))
        return persons, met

    def facts(self) -> Facts:
        ordered = sorted(self.links, key=self.order)
        persons, met = self.join(ordered)
        clusters, _ = self.join(self.links, refuse=False)
        inner = [link for link in ordered if persons[link.a] == persons[link.b]]
        identities = {
            i: (
                self.name(persons[i]),
                self.name(clusters[i]),
                next((link.rule for link in inner if i in link), "alone"),
                self.first[i],
                i in self.shared,
                self.excluded.get(i),
                i in self.excluded,
            )
            for i in self.first
        }
        told = [(link, "refused", persons[link.b], persons[link.a]) for link, *_, joins in met if not joins]
        told += [(link, "merged", persons[link.a], gone) for link, gone in self.absorbed(inner)]
        merges = {
            (*link, outcome, self.name(kept), self.name(gone), self.name(clusters[link.a]))
            for link, outcome, kept, gone in told
        }
        return Facts(identities, merges)

    def absorbed(self, inner: list[Link]) -> Iterator[tuple[Link, Person]]:
        """A login's name is lost by a proof, a contact's by any link, the first that leads to a better name."""
        in_time = sorted(inner, key=lambda each: each.seen)
        proofs = [link for link in in_time if link.rule in RULES[:3]]
        for links, kinds in ((proofs, ORDER[:1]), (in_time, ORDER[1:-1])):
            for link, left, right, joins in self.join(links)[1]:
                gone = max(left, right, key=lambda person: self.claim(self.name(person)))
                name = self.name(gone)
                if joins and name[0] in kinds and self.first[name] < link.seen:
                    yield link, gone


def is_crowd(identifier: Identifier, links: Iterable[Link], most: int) -> bool:
    others = {i for link in links if identifier in link[:2] for i in link[:2]} - {identifier}
    return any(sum(i[0] == kind for i in others) > most for kind in ORDER[:-1])


def refuses(link: Link, left: Person, right: Person) -> bool:
    is_hint = RULES.index(link.rule) >= RULES.index("login_phone")
    return is_hint and all("login" in dict(person) for person in (left, right)) and left != right


SIZES = {"login": 4, "card": 3, "e-mail": 3, "phone": 2, "device": 3}
WORDS = ("registration", "update", "visit", "order", "order", "sale")
DECISIONS = ("exclusion", "exclusion taken back")


def row(rng: random.Random, words: tuple[str, ...], days: range) -> dict[str, str]:
    """An event as the cases have it, over few identifiers, few days and few hours."""
    told = {"event": rng.choice(words), "reason": rng.choice(["wrong_link", "other"])}
    told["day"] = str(rng.choice(days) + rng.randrange(2) / 8)
    few = 1 if told["event"] in DECISIONS else rng.choice([1, 2, 2, 3])
    named = rng.sample(sorted(SIZES), few) + (["login"] if told["event"] == "update" else [])
    told |= {kind: f"{kind}{rng.randrange(SIZES[kind])}" for kind in named}
    return told | ({"merges": f"login{rng.randrange(4)}"} if told["event"] == "update" else {})


def made(rows: list[dict[str, str]], world: int = 0) -> list[Event]:
    """The events; those of different worlds have no identifier in common."""
    return [event(row, 100 * world + number, f"{world}/" if world else "") for number, row in enumerate(rows)]


def worlds(rng: random.Random, words: tuple[str, ...], days: range) -> list[Event]:
    """Events of many small worlds, to be resolved at once."""
    sizes = enumerate((rng.randint(1, 14) for _ in range(20)), start=1)
    return [each for n, size in sizes for each in made([row(rng, words, days) for _ in range(size)], n)]


RANDOM = st.integers(0, 2**32).map(random.Random)  # to draw every cell would take longer than all the rest
CROWDS = st.sampled_from([dict.fromkeys(ORDER, 1), SMALL, NO_CROWD])


@settings(max_examples=20)
@given(RANDOM, CROWDS)
def test_everyone_is_who_the_rules_say(rng: random.Random, crowd: dict[str, int]) -> None:
    events = worlds(rng, WORDS + DECISIONS, range(1, 5))
    assert facts(whole(events, crowd)) == ByHand(events, crowd).facts()


@settings(max_examples=5)
@given(RANDOM)
def test_edges_are_the_pairs_that_were_seen(rng: random.Random) -> None:
    events = worlds(rng, WORDS + DECISIONS, range(1, 5))
    told: dict[tuple[Any, ...], list[dt.datetime]] = {}
    for each in events:
        for link in () if each["event_type"] == "identifier_excluded" else links_of(each):
            told.setdefault((*link.a, *link.b, link.rule, link.seen.date()), []).append(link.seen)
    rows = [row for row in edges_of(events).to_pylist() if row["rule"] != "exclusion"]
    found = {
        tuple(row[name] for name in IDENTITY): (row["first_seen_at"], row["last_seen_at"]) for row in rows
    }
    assert len(found) == len(rows)
    assert found == {pair: (min(times), max(times)) for pair, times in told.items()}
