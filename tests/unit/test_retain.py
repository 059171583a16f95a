"""What is left of a record as it grows old: values go with the day that their contract names, and what demands them goes with them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import Any

import pytest

from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.samples import record
from contracts.subjects import ERASED
from contracts.validation import Reading, Validator
from tests.records import DECLARATIONS, VERSIONS, line, valid_samples
from transforms.retain import Trimmer

THING = """domain: web
owner: team
description: D.
grain: one row per thing
entity: thing_id
data:
  type: object
  required: [thing_id, parts]
  properties:
    thing_id: {type: string, description: "The thing.", x-retention-days: 900}
    note: {type: [string, "null"], x-retention-days: 100, description: "A note."}
    place:
      type: [object, "null"]
      description: "Its place."
      required: [room]
      properties:
        country: {type: [string, "null"], description: "Of it."}
        room: {type: string, x-retention-days: 200, description: "In it."}
    parts:
      type: array
      description: "Its parts."
      minItems: 1
      items:
        type: object
        required: [sku]
        properties:
          sku: {type: string, description: "Of the part."}
          engraving: {type: [string, "null"], x-retention-days: 100, description: "On it."}
    owners:
      type: [array, "null"]
      description: "Who had it."
      minItems: 1
      items: {type: string, x-retention-days: 300}
    days:
      type: array
      description: "Of use."
      items: {type: string, x-retention-days: 300}
"""
DATA = {
    "thing_id": "t-1", "note": "n", "place": {"country": "DE", "room": "r"},
    "parts": [{"sku": "a", "engraving": "e"}, {"sku": "b", "engraving": None}], "owners": ["o"], "days": ["d"],
}  # fmt: skip


@pytest.fixture(scope="module")
def thing(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    """Contracts of one event type."""
    root = tmp_path_factory.mktemp("contracts")
    for name in ("envelope.yaml", "shapes.yaml", "enrichments.yaml"):
        shutil.copy(BUILT_IN / name, root)
    (root / "events" / "thing_made").mkdir(parents=True)
    (root / "events" / "thing_made" / "v1.yaml").write_text(THING, encoding="utf-8")
    return load_declarations(root)


def left(declarations: Declarations, days: float, **data: Any) -> Any:
    """The data of a record of that age, as it is left; None where nothing is."""
    made = record(declarations, declarations.event("thing_made").latest)
    made["detail"] = {"metadata": made["detail"]["metadata"], **DATA, **data}
    trimmed = Trimmer(declarations).trimmed(line(made), dt.timedelta(days=days))
    if trimmed == ERASED:
        return None
    found = json.loads(trimmed)
    assert found["detail"].pop("metadata") == made["detail"]["metadata"]
    return found["detail"]


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {**{name: value for name, value in DATA.items() if name not in names}, **changed}


PLAIN = [{"sku": "a"}, {"sku": "b", "engraving": None}]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (99.9, DATA),
        (100, without("note", parts=PLAIN)),
        (200, without("note", "place", parts=PLAIN)),
        (300, without("note", "place", "owners", parts=PLAIN, days=[])),
        (900, None),
    ],
)
def test_values_go_with_their_day(thing: Declarations, days: float, expected: Any) -> None:
    assert left(thing, days) == expected


def test_fields_that_no_contract_knows_and_nulls_stay(thing: Declarations) -> None:
    assert left(thing, 500, note=None, other={"deep": 1}) == without(
        "place", "owners", parts=PLAIN, days=[], note=None, other={"deep": 1}
    )


@pytest.mark.parametrize("text", [b"", b"no JSON", b'{"detail": {}}'])
def test_what_is_no_event_goes(text: bytes) -> None:
    assert Trimmer(DECLARATIONS).trimmed(text, dt.timedelta(days=1)) == ERASED


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v.event_type}.v{v.version}")
def test_at_any_age_a_sample_is_an_event_still_or_gone_and_once_more_changes_nothing(version: Any) -> None:
    trimmer, validator = Trimmer(DECLARATIONS), Validator(DECLARATIONS)
    for made in valid_samples(version):
        for days in (0, 370, 400, 1100, 4000):
            age = dt.timedelta(days=days)
            once = trimmer.trimmed(line(made), age)
            assert once == ERASED or isinstance(validator.read_own(once), Reading)
            assert once == ERASED or trimmer.trimmed(once, age) == once
