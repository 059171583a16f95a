from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contracts._located import load_located
from contracts.check import check
from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.enrichments import load_enrichments
from contracts.errors import ContractError, UsageError
from contracts.events import load_event_type

GOOD = """\
domain: web
owner: team
description: Something happened.
grain: one row per thing
entity: thing_id
data:
  type: object
  required: [thing_id, size]
  properties:
    thing_id: {type: string, description: "The thing."}
    size: {type: integer, minimum: 1, description: "Its size."}
    colour:
      type: [string, "null"]
      enum: ["red", "NO", null]
      description: "Its colour."
    place:
      $ref: "shapes.yaml#/address"
"""

# what is wrong: the good text, the bad text (▸ stands in the line that is to be named), and what the error says
MISTAKES = {
    "an unsupported keyword": ("minimum: 1", "▸multipleOf: 2", "keyword 'multipleOf' is not supported"),
    "a keyword of another type": ("minimum: 1", "▸maxLength: 2", "'maxLength' does not apply to type integer"),
    "an unknown format": ("type: string,", "type: string, ▸format: email,", "format 'email' is not supported"),
    "a wrong type": ("type: integer", "▸type: decimal", "type 'decimal' is not supported"),
    "two types": ('[string, "null"]', "▸[string, integer]", "is not supported"),
    "no type": ("thing_id: {type: string, ", "thing_id: ▸{", "field 'thing_id' has no type"),
    "required of nothing": ("[thing_id, size]", "▸[thing_id, weight]", "required field 'weight' is not among"),
    "a reserved name": ("    thing_id: {", "    thing_id: {type: string, description: D}\n    ▸event_id: {", "field 'event_id' is a column of the envelope"),
    "a name in another case": ("    thing_id: {", "    thing_id: {type: string, description: D}\n    ▸thingSize: {", "field 'thingSize' is not snake_case"),
    "no description": ('size: {type: integer, minimum: 1, description: "Its size."}', "▸size: {type: integer}", "'size' has no description"),
    "a key that stands twice": ("    colour:", "    ▸size: {type: integer}\n    colour:", "'size' stands twice"),
    "an unquoted NO": ('["red", "NO", null]', "▸[red, NO, null]", "enum values are strings; quote words such as NO"),
    "a nullable enum without null": ('["red", "NO", null]', '▸["red", "NO"]', "a nullable enum lists null"),
    "null in an enum that is not nullable": ('type: [string, "null"]\n      ', "type: string\n      ▸", "a nullable enum lists null"),
    "an unknown $ref": ('"shapes.yaml#/address"', '▸"shapes.yaml#/adress"', "$ref 'shapes.yaml#/adress' is unknown"),
    "a key the header does not have": ("owner: team", "owner: team\n▸colour: red", "header 'colour' is not supported"),
    "a header key left out": ("domain: web\nowner: team", "▸domain: web", "the header lacks 'owner'"),
    "an entity that is no field": ("entity: thing_id", "▸entity: shop_id", "entity 'shop_id' is not among"),
    "a field without a mapping": ('size: {type: integer, minimum: 1, description: "Its size."}', "▸size: integer", "needs a mapping"),
    "items without a mapping": ("size: {type: integer, minimum: 1, ", "size: {type: array, ▸items: string, ", "needs items, a mapping"),
    "an unknown step": ("data:", "▸enrich: [user_agnt]\ndata:", "no step 'user_agnt' in enrichments.yaml; it has: user_agent"),
    "a step that reads a field not there": ("data:", "▸enrich: [user_agent]\ndata:", "reads 'user_agent', which is not among"),
    "a step that fills a required field": ("data:\n  type: object\n  required: [thing_id, size]\n  properties:\n", "▸enrich: [user_agent]\ndata:\n  type: object\n  required: [thing_id, size, is_bot]\n  properties:\n    user_agent: {type: string, description: D}\n    is_bot: {type: boolean, description: D}\n", "fills 'is_bot'; make that field of its type, and optional"),
    "a step named twice": ("data:\n  type: object\n  required: [thing_id, size]\n  properties:\n", "▸enrich: [user_agent, user_agent]\ndata:\n  type: object\n  required: [thing_id, size]\n  properties:\n    user_agent: {type: string, description: D}\n", "step 'user_agent' fills 'browser_name', as another step does"),
    "steps that are no list": ("data:", "▸enrich: user_agent\ndata:", "'enrich' is a list"),
    "lifts in the first version": ("data:", "▸lifts: {size: {constant: 1}}\ndata:", "v1 has no version before it"),
    "text that is no YAML": ("owner: team\n", "owner: [team\n▸", "not YAML"),
}  # fmt: skip


def contracts(root: Path, *versions: str) -> Path:
    """A folder of contracts with one event type."""
    (root / "events" / "thing_happened").mkdir(parents=True)
    (root / "tables").mkdir()
    for name in ("envelope.yaml", "shapes.yaml", "enrichments.yaml"):
        shutil.copy(BUILT_IN / name, root / name)
    for number, text in enumerate(versions, start=1):
        (root / "events" / "thing_happened" / f"v{number}.yaml").write_text(text)
    return root


def error_of(root: Path) -> ContractError:
    with pytest.raises(ContractError) as caught:
        load_declarations(root)
    return caught.value


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_and_line(mistake: str, tmp_path: Path) -> None:
    good, bad, message = MISTAKES[mistake]
    before, _, after = GOOD.replace(good, bad).partition("▸")
    error = error_of(contracts(tmp_path, before + after))
    assert str(error).startswith(f"{tmp_path}/events/thing_happened/v1.yaml:{before.count(chr(10)) + 1}: ")
    assert message in str(error)


STEP = "bot:\n  description: D\n  reads: [name]\n  data: {type: object, properties: {is_bot: {type: [boolean, 'null']}}}\n"


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("  reads: [name]\n", "", 2, "step 'bot' lacks 'reads'"),
        ("reads", "looks_at", 3, "key 'looks_at' is not supported"),
        (STEP, "bot: yes\n", 1, "step 'bot' needs a mapping"),
        (
            "{is_bot: {type: [boolean, 'null']}}",
            "{is_bot: {type: boolean}}, required: [is_bot]",
            4,
            "'is_bot' is required",
        ),
        ("  data", "  together: [is_robot]\n  data", 4, "'is_robot' is not among the step's fields"),
    ],
)
def test_a_mistake_in_a_step_is_named_with_its_line(
    good: str, bad: str, line: int, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "enrichments.yaml"
    path.write_text(STEP.replace(good, bad))
    with pytest.raises(ContractError) as caught:
        load_enrichments(path, {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)


def test_the_contract_that_the_mistakes_are_made_in_is_good(tmp_path: Path) -> None:
    loaded = load_declarations(contracts(tmp_path, GOOD))
    assert [f.name for f in loaded.event("thing_happened").latest.fields] == [
        "thing_id",
        "size",
        "colour",
        "place",
    ]
    assert check(loaded) > 10


def test_versions_run_without_gaps(tmp_path: Path) -> None:
    folder = contracts(tmp_path, GOOD, GOOD, GOOD) / "events" / "thing_happened"
    (folder / "v2.yaml").unlink()
    assert "v2 is missing" in str(error_of(tmp_path))


def test_an_event_type_without_a_contract_is_named(tmp_path: Path) -> None:
    (contracts(tmp_path, GOOD) / "events" / "thing_lost").mkdir()
    assert "events/thing_lost:1: an event type has a v1.yaml" in str(error_of(tmp_path))


@pytest.mark.parametrize("name", ["v0.yaml", "v01.yaml", "1.yaml", "latest.yaml"])
def test_a_contract_file_is_named_by_its_version(name: str, tmp_path: Path) -> None:
    folder = contracts(tmp_path, GOOD) / "events" / "thing_happened"
    (folder / name).write_text(GOOD)
    assert f"{name}:1: a contract file is named v1.yaml" in str(error_of(tmp_path))


@pytest.mark.parametrize(
    ("lifts", "message"),
    [
        ("{weight: {constant: 1}}", "lifted field 'weight' is not among"),
        ("{size: {cast: date}}", "cast 'date' is not supported"),
        ("{size: {form: colour}}", "lift 'form' is not supported"),
    ],
)
def test_a_lift_that_cannot_be_is_named_with_its_line(lifts: str, message: str, tmp_path: Path) -> None:
    error = error_of(contracts(tmp_path, GOOD, GOOD.replace("data:", f"lifts: {lifts}\ndata:")))
    assert "v2.yaml:6: " in str(error)
    assert message in str(error)


def test_the_partition_of_a_table_is_one_of_its_dates_or_times(tmp_path: Path) -> None:
    table = 'description: T.\ngrain: one row per n\npartition: n\ndata: {properties: {n: {type: integer, description: "N."}}}\n'
    (contracts(tmp_path, GOOD) / "tables" / "counts.yaml").write_text(table)
    assert "counts.yaml:3: partition 'n' is not a date or time" in str(error_of(tmp_path))


def test_a_folder_without_contracts_says_where_to_point(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lake\.toml"):
        load_declarations(tmp_path)


def test_an_unknown_event_type_says_which_command_lists_them() -> None:
    with pytest.raises(UsageError, match="lake contracts show"):
        load_declarations().event("order_plaiced")


def test_check_names_the_contract_whose_samples_get_another_verdict(tmp_path: Path) -> None:
    contradiction = GOOD.replace("minimum: 1", "minimum: 5, maximum: 3")
    with pytest.raises(
        ContractError, match=r"v1\.yaml:1: sample 'every field' should be valid and is out_of_range"
    ):
        check(load_declarations(contracts(tmp_path, contradiction)))


def test_every_built_in_contract_is_in_order() -> None:
    assert check(load_declarations()) > 1000


def test_every_built_in_contract_file_is_loaded() -> None:
    loaded: Declarations = load_declarations()
    found = {v.path for e in loaded.events.values() for v in e.versions}
    assert found == set((BUILT_IN / "events").glob("*/*.yaml"))
    assert set(loaded.tables) == {p.stem for p in (BUILT_IN / "tables").glob("*.yaml")}


def test_a_shape_that_is_narrowed_by_a_sibling_type_may_not_be_null(tmp_path: Path) -> None:
    shapes = load_located(BUILT_IN / "shapes.yaml")
    ref = '      $ref: "shapes.yaml#/address"'
    folder = (
        contracts(tmp_path, GOOD, GOOD.replace(ref, f"      type: object\n{ref}"))
        / "events"
        / "thing_happened"
    )
    first, second = load_event_type(folder, shapes, frozenset()).versions
    assert (first.fields[-1].nullable, second.fields[-1].nullable) == (True, False)
