from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.validation import MAX_RECORD_BYTES, Reading, Rejection
from tests.records import DECLARATIONS, VALIDATOR, edited, event, line
from tests.text_tables import rows

FAULTS = rows("""
| at                             | put                         | error_type         | field                               |
|--------------------------------|-----------------------------|--------------------|-------------------------------------|
| id                             | (gone)                      | missing_field      | $.id                                |
| time                           | "yesterday"                 | bad_format         | $.time                              |
| resources                      | [1]                         | wrong_type         | $.resources[0]                      |
| detail-type                    | (gone)                      | not_an_envelope    | $.detail-type                       |
| detail-type                    | 7                           | not_an_envelope    | $.detail-type                       |
| detail-type                    | "pages_viewed"              | unknown_event_type | $.detail-type                       |
| detail                         | (gone)                      | not_an_envelope    | $.detail                            |
| detail                         | "text"                      | wrong_type         | $.detail                            |
| detail.metadata                | (gone)                      | missing_field      | $.detail.metadata                   |
| detail.metadata.event_id       | (gone)                      | missing_field      | $.detail.metadata.event_id          |
| detail.metadata.event_id       | ""                          | out_of_range       | $.detail.metadata.event_id          |
| detail.metadata.event_type     | "order_placed"              | not_in_enum        | $.detail.metadata.event_type        |
| detail.metadata.schema_version | 2                           | unknown_version    | $.detail.metadata.schema_version    |
| detail.metadata.schema_version | "1"                         | wrong_type         | $.detail.metadata.schema_version    |
| detail.metadata.schema_version | (gone)                      | missing_field      | $.detail.metadata.schema_version    |
| detail.metadata.occurred_at    | "2026-11-01T09:30:00"       | bad_format         | $.detail.metadata.occurred_at       |
| detail.metadata.occurred_at    | 1793525400                  | wrong_type         | $.detail.metadata.occurred_at       |
| detail.metadata.channel        | "carrier_pigeon"            | not_in_enum        | $.detail.metadata.channel           |
| detail.metadata.producer_seq   | -1                          | out_of_range       | $.detail.metadata.producer_seq      |
| detail.metadata.replay         | {"replayed_at": "soon"}     | bad_format         | $.detail.metadata.replay.replayed_at |
| detail.page_type               | "nowhere"                   | not_in_enum        | $.detail.page_type                  |
| detail.page_type               | null                        | wrong_type         | $.detail.page_type                  |
| detail.page_type               | (gone)                      | missing_field      | $.detail.page_type                  |
| detail.page_url                | ["a"]                       | wrong_type         | $.detail.page_url                   |
| detail.country_code            | "nl"                        | bad_format         | $.detail.country_code               |
| detail.country_code            | "NL\\n"                     | bad_format         | $.detail.country_code               |
| detail.load_duration_ms        | 1.0                         | wrong_type         | $.detail.load_duration_ms           |
| detail.load_duration_ms        | 9223372036854775808         | out_of_range       | $.detail.load_duration_ms           |
| detail.viewport_width_px       | 100001                      | out_of_range       | $.detail.viewport_width_px          |
""")  # fmt: skip

LINE_FAULTS = rows("""
| at                              | put         | error_type    | field                               |
|---------------------------------|-------------|---------------|-------------------------------------|
| detail.lines                    | []          | out_of_range  | $.detail.lines                      |
| detail.lines.0.sku              | (gone)      | missing_field | $.detail.lines[0].sku               |
| detail.lines.0.quantity         | -1          | out_of_range  | $.detail.lines[0].quantity          |
| detail.lines.0.net_amount       | 12.5        | wrong_type    | $.detail.lines[0].net_amount        |
| detail.lines.0.net_amount       | "12.34567"  | bad_format    | $.detail.lines[0].net_amount        |
| detail.lines.0.unit_price_amount | "-1"       | bad_format    | $.detail.lines[0].unit_price_amount |
| detail.lines.0.weight_grams     | 1e999       | out_of_range  | $.detail.lines[0].weight_grams      |
| detail.business_date            | "2026-02-29" | bad_format   | $.detail.business_date              |
""")  # fmt: skip

# of two faults in one record, the one above is told
BY_PRECEDENCE: dict[str, Any] = {
    "oversized_record": lambda text: text + b" " * MAX_RECORD_BYTES,
    "invalid_utf8": lambda text: text.replace(b"page_title-1", b"\xff"),
    "malformed_json": lambda text: text[:-1],
    "unknown_event_type": lambda text: text.replace(b'"page_viewed"', b'"pages_viewed"'),
    "unknown_version": lambda text: text.replace(b'"schema_version": 1', b'"schema_version": 9'),
    "not_in_enum": lambda text: text.replace(b'"home"', b'"nowhere"'),
    "duplicate_key": lambda text: text.replace(b'"locale"', b'"locale": null, "locale"'),
}
PAIRS = [(first, second) for i, first in enumerate(BY_PRECEDENCE) for second in list(BY_PRECEDENCE)[i + 1 :]]
TRANSPORT = sorted(DECLARATIONS.envelope.transport)
REPLAY = {"replay_id": "r-1", "replayed_at": "2026-11-02T00:00:00Z"}


def rejection(text: bytes) -> Rejection:
    verdict = VALIDATOR.read(text)
    assert isinstance(verdict, Rejection)
    return verdict


def reading_of(text: bytes) -> Reading:
    verdict = VALIDATOR.read(text)
    assert isinstance(verdict, Reading), verdict
    return verdict


def reading(made: dict[str, Any]) -> Reading:
    return reading_of(line(made))


def payload_hash(made: dict[str, Any]) -> int:
    return reading(made).payload_hash


def text_at(base: dict[str, Any], at: str, put: str) -> bytes:
    """Like `edited`, with `put` standing in the text as it is."""
    if put == "(gone)":
        return line(edited(base, at, put))
    return line(edited(base, at, '"@"')).replace(b'"@"', put.encode())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f['at']} {f['put']}")
def test_a_fault_of_a_page_view_gives_its_error_type_and_field(fault: dict[str, str]) -> None:
    found = rejection(text_at(event(), fault["at"], fault["put"]))
    assert (found.error_type, found.field) == (fault["error_type"], fault["field"])


@pytest.mark.parametrize("fault", LINE_FAULTS, ids=lambda f: f"{f['at']} {f['put']}")
def test_a_fault_inside_a_receipt_gives_its_error_type_and_field(fault: dict[str, str]) -> None:
    found = rejection(text_at(event("sale_completed"), fault["at"], fault["put"]))
    assert (found.error_type, found.field) == (fault["error_type"], fault["field"])


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"id": NaN}', "malformed_json"),
        (b"null", "not_an_envelope"),
        (b"[]", "not_an_envelope"),
        (b"{}", "not_an_envelope"),
        (b'"\xff"', "invalid_utf8"),
        (b" " * (MAX_RECORD_BYTES + 1), "oversized_record"),
    ],
)
def test_bytes_that_are_no_record_give_their_error_type(text: bytes, error_type: str) -> None:
    assert rejection(text).error_type == error_type


def test_a_record_of_exactly_the_most_bytes_is_taken() -> None:
    assert isinstance(VALIDATOR.read(line(event()).ljust(MAX_RECORD_BYTES)), Reading)


def test_a_key_that_stands_twice_is_refused_at_any_depth() -> None:
    for text in ('{"a": {"b": 1, "b": 1}}', '[{"a": 1, "\\u0061": 2}]'):
        found = rejection(text_at(event(), "detail.unknown", text))
        assert (found.error_type, found.event_id) == ("duplicate_key", "e-1")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_and_does_no_harm(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    text = text_at(event(), "detail.unknown", opening * 50_000 + "1" + closing * 50_000)
    assert rejection(text).error_type == "deep_nesting"


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_faults_the_earlier_check_is_told(first: str, second: str) -> None:
    both = BY_PRECEDENCE[first](BY_PRECEDENCE[second](line(event())))
    assert rejection(BY_PRECEDENCE[second](line(event()))).error_type == second
    assert rejection(both).error_type == first


def test_a_rejection_names_event_type_and_event_id_where_they_can_be_read() -> None:
    found = rejection(line(event(event_id="e-77", page_type="nowhere")))
    assert (found.event_type, found.event_id) == ("page_viewed", "e-77")


@settings(max_examples=200)
@given(st.binary() | st.text().map(str.encode))
def test_reading_never_raises_on_arbitrary_bytes(text: bytes) -> None:
    assert isinstance(VALIDATOR.read(text), Rejection)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60)
@given(JSON, JSON, JSON)
def test_reading_never_raises_on_arbitrary_json_in_a_record(detail: Any, metadata: Any, data: Any) -> None:
    whole = event()
    for made in (
        detail,
        {**whole, "detail": detail},
        event(metadata=metadata),
        {**whole, "any": data},
        event(unknown=data),
    ):
        VALIDATOR.read(line(made))


@pytest.mark.parametrize(
    ("at", "put", "extras"),
    [
        ("detail.note", '"x"', {"/detail/note": "x"}),
        ("detail.a/b", "1", {"/detail/a~1b": 1}),
        ("detail.a~b", "[1, 2.5]", {"/detail/a~0b": [1, 2.5]}),
        ("detail.note", '{"deep": {"er": null}}', {"/detail/note": {"deep": {"er": None}}}),
        ("detail.lines.0.note", "true", {"/detail/lines/0/note": True}),
        ("detail.metadata.trace", '"t"', {"/detail/metadata/trace": "t"}),
        ("detail.metadata.replay", '{"who": "me"}', {"/detail/metadata/replay/who": "me"}),
        ("replay-name", '"r"', {"/replay-name": "r"}),
    ],
)
def test_a_field_that_no_contract_knows_is_kept_under_its_json_pointer(
    at: str, put: str, extras: Any
) -> None:
    made = edited(event("sale_completed"), at, put)
    assert json.loads(reading(made).extras or "") == extras
    with pytest.raises(ValueError, match=r"unknown field|Invalid value"):
        VALIDATOR.read_fast(line(made))


def test_a_record_without_unknown_fields_has_no_extras() -> None:
    assert reading(event()).extras is None


@pytest.mark.parametrize("name", TRANSPORT)
def test_transport_fields_take_no_part_in_the_payload(name: str) -> None:
    value: Any = REPLAY if name == "replay" else "2026-11-01T09:30:01Z"
    carried = edited(event(), f"detail.metadata.{name}", json.dumps(value))
    assert payload_hash(carried) == payload_hash(event())


def test_unknown_marks_of_a_replay_take_no_part_in_the_payload() -> None:
    assert payload_hash(edited(event(), "detail.metadata.replay", '{"who": "me"}')) == payload_hash(event())


@pytest.mark.parametrize("at", ["id", "time", "source", "unknown"])
def test_the_envelope_takes_no_part_in_the_payload(at: str) -> None:
    assert payload_hash(edited(event(), at, '"2026-11-03T00:00:00Z"')) == payload_hash(event())


@pytest.mark.parametrize(
    ("at", "put"),
    [
        ("detail.page_title", '"another"'),
        ("detail.page_title", "null"),
        ("detail.page_title", "(gone)"),
        ("detail.unknown", "1"),
        ("detail.metadata.unknown", "1"),
        ("detail.metadata.event_id", '"e-2"'),
        ("detail.metadata.occurred_at", '"2026-11-01T09:30:01Z"'),
        ("detail.metadata.tenant", '"t"'),
    ],
)
def test_data_and_the_other_metadata_make_the_payload(at: str, put: str) -> None:
    assert payload_hash(edited(event(), at, put)) != payload_hash(event())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "1.0", True),
        ("100", "1e2", True),
        ("-0.0", "0", True),
        ("1.5", "1.50", True),
        ("1", '"1"', False),
        ("1", "true", False),
        ("0", "false", False),
        ("null", '"null"', False),
        ("[]", "{}", False),
        ("[1, 2]", "[2, 1]", False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ('"\\u00e9"', '"é"', True),
        ('"e\\u0301"', '"é"', False),
    ],
)
def test_unknown_fields_are_compared_as_canonical_json_writes_them(
    one: str, other: str, *, same: bool
) -> None:
    first, second = (edited(event("sale_completed"), "detail.unknown", text) for text in (one, other))
    assert (canonical(first) == canonical(second)) == same
    texts = [text_at(event("sale_completed"), "detail.unknown", text) for text in (one, other)]
    hashes = {reading_of(text).payload_hash for text in texts}
    assert (len(hashes) == 1) == same


def turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: turned(child) for key, child in reversed(value.items())}
    return [turned(child) for child in value] if isinstance(value, list) else value


def test_order_of_keys_and_white_space_do_not_matter() -> None:
    made = event("sale_completed", unknown={"a": [1, {"b": 2, "c": 3}], "d": 4})
    assert reading_of(json.dumps(turned(made), indent=3).encode()).payload_hash == payload_hash(made)


@pytest.mark.parametrize(
    "way", ["2026-11-01T09:30:00.25Z", "2026-11-01T09:30:00.250000000Z", "2026-11-01t09:30:00.250z"]
)
def test_one_time_written_in_several_ways_is_one_payload(way: str) -> None:
    assert payload_hash(edited(event(), "detail.metadata.occurred_at", json.dumps(way))) == payload_hash(
        event()
    )


def test_both_gates_give_one_hash() -> None:
    read = VALIDATOR.read_fast(line(event("sale_completed")))
    assert VALIDATOR.payload_hash(read) == payload_hash(event("sale_completed"))
    assert -(2**63) <= payload_hash(event()) < 2**63


NUMBERS = st.sampled_from([0, 1, 1.0, 1.5, 0.1, 100, 1e2, 1e20, 1e21, 1e-7, 5e-324, 123456789.125])
TEXTS = st.sampled_from(["a", "A", "é", "e\u0301", "😀", "\u0000", '"', "\\", "/", "\u2028", "\x7f"])
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "detail.customer_id": TEXTS | st.none(),
        "detail.lines.0.weight_grams": NUMBERS | st.none(),
        "detail.unknown": ANY,
        "detail.lines.0.unknown": ANY,
        "detail.metadata.unknown": ANY,
        "detail.metadata.tenant": TEXTS | st.none(),
        "detail.metadata.traceparent": TEXTS,
        "detail.metadata.replay": st.sampled_from([None, {}, REPLAY, {"who": 1}]),
        "id": st.sampled_from(["a", "b"]),
    },
)


def receipt(changes: dict[str, Any]) -> dict[str, Any]:
    made = event("sale_completed")
    for at, value in changes.items():
        made = edited(made, at, json.dumps(value))
    return made


def canonical(made: dict[str, Any]) -> bytes:
    detail = copy.deepcopy(made["detail"])
    for name in TRANSPORT:
        detail["metadata"].pop(name, None)
    return rfc8785.dumps(detail)


@settings(max_examples=120)
@given(first=CHANGES, second=CHANGES, near=st.booleans())
def test_payloads_are_the_same_where_their_canonical_json_is(*, first: Any, second: Any, near: bool) -> None:
    one, other = receipt(first), turned(receipt({**first, **second} if near else second))
    assert (payload_hash(one) == payload_hash(other)) == (canonical(one) == canonical(other))


@pytest.mark.parametrize("source", ["shop", "stripe"])
@pytest.mark.parametrize("place", [b'"e-1"', b'"order_id-1"'])
def test_bytes_that_are_no_text_are_refused_whatever_their_source(source: str, place: bytes) -> None:
    made = event("payment_captured", "e-1", order_id="order_id-1")
    made["source"] = source
    if place != b'"e-1"':
        del made["detail"]["metadata"]  # as a producer sends it that knows nothing of ours
    text = line(made)
    assert place in text
    verdict = VALIDATOR.read(text.replace(place, b'"\xff"'))
    assert isinstance(verdict, Rejection)
    assert verdict.error_type == "invalid_utf8"
