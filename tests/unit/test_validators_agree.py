"""One verdict: every validator derived from a contract gives the same answer on the same bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

from contracts.json_schema import event_schema
from contracts.samples import record, samples
from contracts.validation import MAX_RECORD_BYTES, Reading
from tests.records import DECLARATIONS, VALIDATOR, VERSIONS, edited, event, line

FORMATS = Draft202012Validator.FORMAT_CHECKER


def whole_text_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """`pattern` as ECMA-262 means it, where `$` is the end and never the place before a last line feed."""
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def is_integer(_: Any, value: Any) -> bool:
    return type(value) is int


JSON_SCHEMA: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": whole_text_pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
)
SCHEMAS = {
    (v.event_type, v.version): JSON_SCHEMA(event_schema(DECLARATIONS, v), format_checker=FORMATS)
    for v in VERSIONS
}


def only_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def no_json(word: str) -> None:
    raise ValueError(word)


def home_of(tree: Any) -> tuple[Any, Any] | None:
    try:
        return tree["detail-type"], tree["detail"]["metadata"]["schema_version"]
    except (TypeError, KeyError, IndexError):
        return None


def by_json_schema(text: bytes) -> bool:
    """The verdict of the published schema, behind a reader that takes I-JSON (RFC 7493) and nothing else."""
    try:
        tree = json.loads(text.decode(), object_pairs_hook=only_pairs, parse_constant=no_json)
        json.dumps(tree, ensure_ascii=False).encode()  # no half surrogate pairs
        schema = SCHEMAS[home_of(tree)]  # type: ignore[index]
    except (ValueError, KeyError, TypeError):
        return False
    return len(text) <= MAX_RECORD_BYTES and bool(schema.is_valid(tree))


def by_read(text: bytes) -> bool:
    return isinstance(VALIDATOR.read(text), Reading)


def by_read_fast(text: bytes) -> bool:
    try:
        VALIDATOR.read_fast(text)
    except ValueError:
        return False
    return True


def assert_one_verdict(text: bytes) -> None:
    assert by_read(text) == by_json_schema(text), (VALIDATOR.read(text), text)
    assert by_read(text) or not by_read_fast(text), (VALIDATOR.read(text), text)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree of JSON, as steps from its root."""
    for step, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, step)
        if isinstance(child, dict | list):
            yield from places(child, (*path, step))


FULL = [record(DECLARATIONS, version) for version in VERSIONS]
PLACES = [(i, place) for i, full in enumerate(FULL) for place in places(full)]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 1e300, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400,
        "", " ", "x", "1", "12.50", "12.50\n", "-12.5", "+1.0", "1e2", ".5", "5.", "00012.5", "123456789012345.0", "12.34567",
        "EUR", "eur", "EUR\n", "NL", "ǄX", "٣.١", "0f" * 32, "\u0000", "😀" * 3, "2026-11-01", "2026-11-31", "20261101",
        "2026-11-01T09:30:00Z", "2026-11-01t09:30:00z", "2026-11-01T09:30:00", "2026-11-01T24:00:00Z", "2026-11-01T23:59:60Z",
        "2026-11-01T09:30:00.123456789Z", "2026-11-01T09:30:00+23:59", "2026-11-01T09:30:00-00:00", "2026-02-29T09:30:00Z",
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+10:00", "2026-11-01T09:30:00.Z", "1-11-01T09:30:00Z",
        [], [None], ["x"], [[]], [{}], {}, {"x": 1}, ["x"] * 51,
    ]
)  # fmt: skip
VALUES = ODD | st.text(max_size=70) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def changed_records(draw: st.DrawFn) -> bytes:
    """A sample in which one or two places hold something else, are gone, or have an unknown neighbour."""
    number, first = draw(st.sampled_from(PLACES))
    made = copy.deepcopy(FULL[number])
    second = draw(st.sampled_from([place for i, place in PLACES if i == number]))
    for path in {first, *draw(st.sampled_from([(), (second,)]))}:
        change(made, path, draw(st.sampled_from(["put", "put", "put", "drop", "add"])), draw(VALUES))
    return line(made)


def change(made: Any, path: tuple[Any, ...], how: str, value: Any) -> None:
    for step in path[:-1]:
        made = made[step] if isinstance(made, dict | list) and holds(made, step) else None
    if not isinstance(made, dict | list) or not holds(made, path[-1]):
        return
    if how == "drop":
        del made[path[-1]]
    elif how == "add" and isinstance(made, dict):
        made["unknown"] = value
    else:
        made[path[-1]] = value


def holds(made: dict[Any, Any] | list[Any], step: Any) -> bool:
    return step in made if isinstance(made, dict) else isinstance(step, int) and step < len(made)


PIECES = [
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
]
PIECES += [
    b"\t",
    b"\n",
    b"\r",
    b"\x0b",
    b"\x00",
    b"0",
    b"-",
    b".",
    b"1e5",
    b"1e400",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"//",
    b"'",
]


@st.composite
def spliced_bytes(draw: st.DrawFn) -> bytes:
    """The bytes of a sample with a piece put over some of them."""
    text = line(draw(st.sampled_from(FULL)))
    start = draw(st.integers(0, len(text)))
    return text[:start] + draw(st.sampled_from(PIECES)) + text[start + draw(st.integers(0, 3)) :]


def test_times_are_checked_by_the_format_checker() -> None:
    assert {"date-time", "date"} <= set(FORMATS.checkers)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v.event_type}-v{v.version}")
def test_one_verdict_on_every_sample(version: Any) -> None:
    for sample in samples(DECLARATIONS, version):
        text = line(sample.record)
        assert by_read(text) == by_json_schema(text) == (sample.error_type is None), sample.name
        assert by_read(text) or not by_read_fast(text), sample.name


@settings(max_examples=250)
@given(changed_records())
def test_one_verdict_on_changed_samples(text: bytes) -> None:
    assert_one_verdict(text)


@settings(max_examples=200)
@given(spliced_bytes())
def test_one_verdict_on_broken_bytes(text: bytes) -> None:
    assert_one_verdict(text)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("detail.metadata.schema_version", "1.0"),
        ("detail.metadata.schema_version", "true"),
        ("detail.load_duration_ms", "1.0"),
        ("detail.load_duration_ms", "-0"),
        ("detail.country_code", '"NL\\n"'),
        ("detail.page_title", '"\\ud83d\\ude00"'),
        ("detail.unknown", "[1e400, {}]"),
    ],
)
def test_one_verdict_where_readers_of_json_differ(place: str, value: str) -> None:
    assert_one_verdict(line(edited(event(), place, '"@"')).replace(b'"@"', value.encode()))


@pytest.mark.parametrize("value", ["1e308", "1e309", "1" + "0" * 400, "-1e309", "5e-324", "1e-400"])
def test_one_verdict_on_numbers_at_the_end_of_doubles(value: str) -> None:
    text = line(edited(event("sale_completed"), "detail.lines.0.weight_grams", '"@"'))
    assert_one_verdict(text.replace(b'"@"', value.encode()))


@pytest.mark.parametrize(
    "time",
    [
        pytest.param("2026-11-01 09:30:00Z", id="a space for the T"),
        pytest.param("2026-11-01T09:30:00+0200", id="an offset without colon"),
        pytest.param("9999-12-31T23:59:59.9999999Z", id="rounded up out of the calendar"),
    ],
)
@pytest.mark.xfail(strict=True, reason="msgspec and RFC 3339 do not agree on these times")
def test_one_verdict_on_times_at_the_edge_of_the_standard(time: str) -> None:
    assert_one_verdict(line(edited(event(), "detail.metadata.occurred_at", json.dumps(time))))
