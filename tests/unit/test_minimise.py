"""What contracts mark is taken out before raw; everything else stays to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.declarations import BUILT_IN, Declarations, load_declarations
from contracts.errors import ContractError
from contracts.reference import event_page
from contracts.samples import samples
from contracts.validation import Reading, Validator
from ingestion.minimise import Minimiser
from tests.records import DECLARATIONS, VERSIONS, line, valid_samples

HEAD = "domain: web\nowner: team\ndescription: D.\ngrain: one row per thing\nentity: thing_id\n"
THING = """data:
  type: object
  required: [thing_id]
  properties:
    thing_id: {type: string, description: "The thing."}
    note: {type: [string, "null"], x-pii: direct, x-drop-before-raw: true, description: "A note."}
    address: {$ref: "shapes.yaml#/address", x-drop-before-raw: true}
    place:
      type: [object, "null"]
      description: "Its place."
      properties:
        country: {type: [string, "null"], description: "Of it."}
        room: {type: [string, "null"], x-drop-before-raw: true, description: "In it."}
    parts:
      type: [array, "null"]
      description: "Its parts."
      items:
        type: object
        required: [sku]
        properties:
          sku: {type: string, description: "Of the part."}
          engraving: {type: [string, "null"], x-drop-before-raw: true, description: "On it."}
"""
LATER = THING.replace('    note: {type: [string, "null"], x-pii: direct, x-drop-before-raw: true,', '    remark: {type: [string, "null"], x-drop-before-raw: true,')  # fmt: skip


def declared(root: Path, *versions: str) -> Declarations:
    for name in ("envelope.yaml", "shapes.yaml"):
        shutil.copy(BUILT_IN / name, root / name)
    (root / "tables").mkdir()
    (root / "events/thing_happened").mkdir(parents=True)
    for number, data in enumerate(versions, start=1):
        (root / f"events/thing_happened/v{number}.yaml").write_text(HEAD + data)
    return load_declarations(root)


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declared(tmp_path_factory.mktemp("contracts"), THING, LATER)


@pytest.fixture(scope="module")
def minimiser(declarations: Declarations) -> Minimiser:
    return Minimiser(declarations)


def envelope(data: str, version: str = "1", name: str = "thing_happened") -> str:
    return f'{{"detail-type": "{name}", "detail":{{"metadata": {{"schema_version": {version} }}, {data}}}}}'


# what is sent of the data, and what stays of it
KEPT = {
    "nothing marked": ('"thing_id": "t", "size":1.10, "n": 1e400', '"thing_id": "t", "size":1.10, "n": 1e400'),
    "the first": ('"note": "n" , "thing_id": "t"', '"thing_id": "t"'),
    "one between": ('"a": 1, "note": {"x": [1]}, "thing_id": "t"', '"a": 1, "thing_id": "t"'),
    "the last two": ('"a":1 , "note": "n", "address": {}', '"a":1'),
    "twice": ('"note": 1, "a": 1, "note": 2, "a": 2', '"a": 1, "a": 2'),
    "an escaped name": (r'"a": "\u00e9", "n\u006fte": 1, "b": 2', r'"a": "\u00e9", "b": 2'),
    "all of an object": ('"place": { "room": "r" }', '"place": {  }'),
    "within an object": ('"place":{"country": "DE","room": null}', '"place":{"country": "DE"}'),
    "within a list": ('"parts": [{"sku":"1", "engraving": "e"}, 5, {"engraving":"e","sku":"2"}]', '"parts": [{"sku":"1"}, 5, {"sku":"2"}]'),
    "another type than declared": ('"place": "room", "parts": {"engraving": 1}', '"place": "room", "parts": {}'),
    "a name elsewhere": ('"other": {"note": "n"}, "room": 1', '"other": {"note": "n"}, "room": 1'),
    "a text that reads like JSON": ('"a": "\\"note\\": 1, {", "b": 1', '"a": "\\"note\\": 1, {", "b": 1'),
    "digits without end": (f'"note": {"9" * 5000}, "a": {"9" * 5000}', f'"a": {"9" * 5000}'),
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_what_is_marked_goes_and_all_else_stays_to_the_byte(minimiser: Minimiser, case: str) -> None:
    sent, kept = KEPT[case]
    assert minimiser.minimise(envelope(sent).encode()).decode() == envelope(kept)


def test_each_version_has_its_own_marks_and_an_unknown_one_has_all(minimiser: Minimiser) -> None:
    def kept(version: str) -> str:
        data = minimiser.minimise(envelope('"note": 1, "remark": 2, "a": 3', version).encode())
        return data.decode()

    assert kept("1") == envelope('"remark": 2, "a": 3')
    assert kept("2") == envelope('"note": 1, "a": 3', "2")
    assert kept("9") == envelope('"a": 3', "9")
    assert kept("null") == envelope('"a": 3', "null")


@pytest.mark.parametrize("between", ["", "\n", " \r\n\n", " "])
def test_joined_envelopes_and_lines_are_told_apart(minimiser: Minimiser, between: str) -> None:
    many = between.join([envelope('"note": 1, "a": 1'), envelope('"a": 2, "note": 2')] * 2) + between
    kept = between.join([envelope('"a": 1'), envelope('"a": 2')] * 2) + between
    assert minimiser.minimise(many.encode()).decode() == kept


BROKEN = [
    b"",
    b" \n",
    b"{broken",
    b"\xff\xfe",
    b"[1, 2]",
    b'"text"',
    b"[" * 100_000,
    envelope('"note": 1').encode()[:-1],
    envelope('"note": 1,').encode(),
    envelope('"note": 1', name="unheard_of").encode(),
    b'{"detail-type": ["thing_happened"], "detail": {"note": 1}}',
    b'{"detail-type": "thing_happened", "detail": "note"}',
    b'{"detail-type": "dynamodb", "source": "dynamodb", "detail": {"payload": {"note": 1}}}',
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_what_is_broken_or_not_known_stays_as_it_is(minimiser: Minimiser, data: bytes) -> None:
    assert minimiser.minimise(data) == data


@pytest.mark.parametrize("data", [each for each in BROKEN if b"\n" not in each], ids=lambda _: "")
def test_what_is_broken_does_not_keep_the_other_lines_from_it(minimiser: Minimiser, data: bytes) -> None:
    good, kept = envelope('"note": 1, "a": 1').encode(), envelope('"a": 1').encode()
    assert minimiser.minimise(b"\n".join([good, data, good])) == b"\n".join([kept, data, kept])


def test_an_envelope_over_several_lines_is_one(minimiser: Minimiser) -> None:
    spread = json.dumps(json.loads(envelope('"note": 1, "a": 1')), indent=2)
    assert b"note" not in minimiser.minimise(spread.encode())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["note", "a", "place", "room", "parts", "engraving", "sku"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


def expected(value: Any, path: tuple[str, ...] = ()) -> Any:
    """The value without what is marked in THING, told in another way."""
    marked = {("note",), ("address",), ("place", "room"), ("parts", "engraving")}
    if isinstance(value, dict):
        return {k: expected(v, (*path, k)) for k, v in value.items() if (*path, k) not in marked}
    return [expected(each, path) for each in value] if isinstance(value, list) else value


@given(data=st.dictionaries(st.sampled_from(["note", "a", "place", "parts"]), _JSON), indent=st.sampled_from([None, 1]))  # fmt: skip
def test_whatever_the_data_what_is_left_is_that_without_what_is_marked(
    minimiser: Minimiser, data: Any, indent: int | None
) -> None:
    made = {
        "detail-type": "thing_happened",
        "detail": {**data, "metadata": {"schema_version": 1}},
    }
    found = json.loads(minimiser.minimise(json.dumps(made, indent=indent).encode()))
    assert found == {**made, "detail": {**expected(data), "metadata": {"schema_version": 1}}}


def test_what_is_left_still_fits_the_contract(declarations: Declarations, minimiser: Minimiser) -> None:
    validator = Validator(declarations)
    for version in declarations.event("thing_happened").versions:
        for sample in samples(declarations, version):
            if sample.error_type is None:
                assert isinstance(validator.read(minimiser.minimise(line(sample.record))), Reading)


def test_the_built_in_contracts_mark_nothing_and_the_data_is_not_even_copied() -> None:
    data = b"\n".join(line(each) for version in VERSIONS for each in valid_samples(version))
    assert Minimiser(DECLARATIONS).minimise(data) is data


@pytest.mark.parametrize(
    ("good", "bad", "number", "message"),
    [
        ('string, description: "The thing."', 'string, x-drop-before-raw: true, description: "T."', 10, "'thing_id' is required"),
        ('string, description: "Of the part."', 'string, x-drop-before-raw: true, description: "P."', 26, "'sku' is required"),
        ("items:", "items:\n        x-drop-before-raw: true", 23, "'element' is required"),
        ('x-drop-before-raw: true, description: "A', 'x-drop-before-raw: yes please, description: "A', 11, "'yes please' is not supported"),
    ],
)  # fmt: skip
def test_a_mark_that_cannot_be_is_named_with_file_and_line(
    tmp_path: Path, good: str, bad: str, number: int, message: str
) -> None:
    with pytest.raises(ContractError, match=rf"v1\.yaml:{number}: .*{message}"):
        declared(tmp_path, THING.replace(good, bad, 1))


def test_the_reference_says_what_is_dropped(declarations: Declarations) -> None:
    page = event_page(declarations, declarations.event("thing_happened"))
    assert "| `place.room` | string |  | dropped before raw |" in page
    assert "| `remark` | string |  | dropped before raw |" in page
    assert "| `thing_id` | string | yes |  |" in page
