"""Proposals of who may be the same person."""

from __future__ import annotations

import datetime as dt
import random

import pyarrow as pa
import pytest

from tests.text_tables import rows
from transforms.linkage import PROPOSALS, propose

PERSONS = """
| person_id | first_name | last_name | birth_date | postal_code |
|-----------|------------|-----------|------------|-------------|
| a         | Jürgen     | Müller    | 1980-02-03 | 1011 AB     |
| a2        | jurgen     | MULLER    | 1980-02-03 | 1011ab      |
| b         | Clara      | Fischer   | 1975-05-05 | 20095       |
| b2        | Clara      | Fischer   | 1975-05-05 | 80331       |
| c         | Wilhelmina | Girard    | 1991-11-30 | 75001       |
| c2        | Wilhemina  | Girard    | 1991-11-30 | 75001       |
| d         | Emma       | Hughes    |            | 10115       |
| d2        | Emma       | Hughes    |            | 10115       |
| e         | Grace      | Koch      | 1966-06-06 | 10117       |
| e2        | Hugo       | Koch      | 1990-01-01 | 10117       |
| f         | Ida        | Lambert   | 1988-08-08 | 50667       |
| f2        | Ida        | Lambert   | 1954-04-04 | 01067       |
| g         |            |           |            |             |
| g2        |            |           |            |             |
"""
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("person_id", "first_name", "last_name")]
    + [("birth_date", pa.date32()), ("postal_code", pa.string())]
)


def persons() -> pa.Table:
    told = [{name: value or None for name, value in row.items()} for row in rows(PERSONS)]
    for row in told:
        row |= {"birth_date": row["birth_date"] and dt.date.fromisoformat(row["birth_date"])}
    return pa.Table.from_pylist(told, schema=SCHEMA)


def pairs(found: pa.Table) -> set[str]:
    return {f"{row['person_id']} {row['other_person_id']}" for row in found.to_pylist()}


def test_likely_pairs_are_proposed_and_others_not() -> None:
    assert pairs(propose(persons(), 0.9)) == {"a a2", "b b2", "c c2"}


def test_names_and_postcode_alone_are_a_guess() -> None:
    assert pairs(propose(persons(), 0.4)) == {"a a2", "b b2", "c c2", "d d2"}


def test_the_threshold_is_the_least_probability() -> None:
    everything = propose(persons(), 0.0)
    for threshold in everything["probability"].to_pylist():
        found = propose(persons(), threshold - 1e-9)
        assert min(found["probability"].to_pylist()) >= threshold - 1e-9
        assert found.equals(everything.slice(0, found.num_rows))


def test_proposals_depend_on_the_set_of_persons_alone() -> None:
    places = random.sample(range(persons().num_rows), persons().num_rows)
    assert propose(persons().take(pa.array(places)), 0.5).equals(propose(persons(), 0.5))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_persons(count: int) -> None:
    found = propose(persons().slice(0, count), 0.9)
    assert found.schema == PROPOSALS
    assert pairs(found) == ({"a a2"} if count == 2 else set())
