from __future__ import annotations

import base64
import datetime as dt
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.dead_letters import Left, Letter, letter_of, letter_of_message, letters_in, split
from ingestion.redrive import returned
from tests.unit.letters import ARRIVED, MILLISECONDS, NOW, envelope, event
from transforms.unpack import unpack


def test_raw_data_is_the_record_byte_for_byte() -> None:
    record = b'{"detail-type": "x",\t"detail":{"n":1.10}}'
    assert letter_of("a#0", envelope(record + b"\n")) == Letter(
        "a#0", "Lambda.FunctionError", [record], ARRIVED
    )


@pytest.mark.parametrize("name", ["errorCode", "lastErrorCode", "ErrorCode"])
def test_the_word_for_an_error_is_written_in_three_ways(name: str) -> None:
    text = json.dumps({"rawData": base64.b64encode(event()).decode(), name: "X.Failed"}).encode()
    found = letter_of("a#0", text)
    assert isinstance(found, Letter)
    assert found.error == "X.Failed"


@pytest.mark.parametrize("code", [None, "", "a word said by someone@shop.example", "x" * 200, {"a": 1}])
def test_what_is_no_word_of_an_error_is_not_repeated(code: object) -> None:
    found = letter_of("a#0", envelope(event(), errorCode=code))
    assert isinstance(found, Letter)
    assert found.error == "unknown"


def test_joined_records_are_parted() -> None:
    found = letter_of("a#0", envelope(event("1") + event("2") + b"\n" + event("3")))
    assert isinstance(found, Letter)
    assert found.records == [event("1"), event("2"), event("3")]


def test_a_record_that_was_zipped_is_unzipped() -> None:
    found = letter_of("a#0", envelope(gzip.compress(event())))
    assert isinstance(found, Letter)
    assert found.records == [event()]


def test_a_record_that_is_broken_goes_back_as_it_is() -> None:
    found = letter_of("a#0", envelope(b"\xff no JSON"))
    assert isinstance(found, Letter)
    assert found.records == [b"\xff no JSON"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"no JSON", "neither"),
        (b"[1]", "neither"),
        (b'{"entries":[{"url":"s3://b/k"}]}', "neither"),
        (b'{"rawData":7}', "neither"),
        (b'{"rawData":"%%%"}', "not base64"),
        (envelope(b""), "empty"),
        (envelope(b" \n\n"), "empty"),
        (envelope(gzip.compress(event())[:-9]), "cannot be unzipped"),
        (b'{"requestPayload":{"n":1},"requestContext":{}}', "no event"),
        (b'{"KinesisBatchInfo":{"shardId":"1"},"requestContext":{}}', "does not hold them"),
        (b'{"failedMessages":[{"eventId":"1"}],"errorCode":"ACCESS_DENIED"}', "does not hold them"),
        (b"[" * 100_000, "neither"),
    ],
)
def test_what_holds_no_record_is_left_with_its_reason(text: bytes, reason: str) -> None:
    found = letter_of("a#0", text)
    assert isinstance(found, Left)
    assert reason in found.reason


def test_a_record_of_a_call_gives_back_what_the_function_was_given() -> None:
    given = event().decode()
    text = f'{{"timestamp":"2026-02-27T08:15:00.000Z","requestPayload":{given},"responseContext":{{"functionError":"Unhandled"}}}}'
    found = letter_of("a#0", text.encode())
    assert found == Letter("a#0", "Unhandled", [event()], ARRIVED)


def test_a_message_says_in_its_attributes_why_it_is_there() -> None:
    rule = {"ERROR_CODE": "THROTTLING", "ERROR_MESSAGE": "someone@shop.example"}
    assert letter_of_message("q#1", event(), rule, str(MILLISECONDS)) == Letter(
        "q#1", "THROTTLING", [event()], ARRIVED
    )
    found = letter_of_message("q#1", event(), {"RequestID": "r", "ErrorCode": "200"}, None)
    assert isinstance(found, Letter)
    assert (found.error, found.arrived_at) == ("200", None)


@given(
    st.lists(
        st.sampled_from(
            [
                b'{"a":1}',
                b'{"a":1}{"b":2}',
                b'{"a":"}{"}',
                b"no",
                b"\xff",
                b'{"b',
                b'{"c":{}}{"d":[]}',
                b"}{",
                b" x",
                b"7",
            ]
        )
    ),
    st.sampled_from([b"\n", b""]),
)
def test_records_are_parted_as_those_of_raw_objects_are(lines: list[bytes], end: bytes) -> None:
    text = b"\n".join(lines) + end
    expected = [record for record in unpack(gzip.compress(text)).records if record.strip()] if text else []
    assert split(text) == expected


def test_a_document_over_several_lines_is_one_record_on_one_line() -> None:
    pretty = json.dumps(json.loads(event()), indent=2).encode()
    records = split(pretty + b"\n" + pretty)
    assert [json.loads(each) for each in records] == [json.loads(event())] * 2
    assert not any(b"\n" in each for each in records)


def test_every_line_has_its_place() -> None:
    data = envelope(event("1")) + b"\n" + b"what is this" + b"\n" + envelope(event("2")) + b"\n"
    found = list(letters_in("errors/a", data))
    assert [(each.place, type(each)) for each in found] == [
        ("errors/a#0", Letter),
        ("errors/a#1", Left),
        ("errors/a#2", Letter),
    ]


def test_an_object_without_envelopes_is_a_backup_of_records_as_they_were_sent() -> None:
    name = "backup/2026/02/27/08/shop-1-2026-02-27-08-15-00-5d1c0f52-8f0b-4a0e-9f6e-3c1d8a4be000"
    found = list(letters_in(name, event("1") + event("2")))
    assert found == [
        Letter(f"{name}#0", "source record", [event("1")], ARRIVED),
        Letter(f"{name}#1", "source record", [event("2")], ARRIVED),
    ]


def test_an_object_that_cannot_be_unzipped_is_left_whole() -> None:
    (found,) = letters_in("errors/a.gz", gzip.compress(envelope(event()))[:-4])
    assert isinstance(found, Left)
    assert found.place == "errors/a.gz"


@pytest.mark.parametrize(
    ("arrived", "time", "expected"),
    [
        (ARRIVED, "2026-02-20T00:00:00Z", ARRIVED),
        (None, "2026-02-27T08:15:00Z", ARRIVED),
        (None, "2027-02-27T08:15:00Z", NOW),
        (NOW + dt.timedelta(days=1), None, NOW),
        (None, "yesterday", NOW),
        (None, None, NOW),
    ],
)
def test_a_record_arrived_when_its_delivery_says_then_when_it_says_and_never_later_than_now(
    arrived: dt.datetime | None, time: str | None, expected: dt.datetime
) -> None:
    letter = Letter("a#0", "", [event(time=time)], arrived)
    (found,) = returned([letter], NOW)
    assert found.received_at == expected


@pytest.mark.parametrize("value", [0, -1, "x", None, 10**30, True, [], "1e400"])
def test_an_arrival_that_is_no_time_is_none(value: object) -> None:
    found = letter_of("a#0", envelope(event(), arrivalTimestamp=value))
    assert isinstance(found, Letter)
    assert found.arrived_at is None or found.arrived_at.year == 1970
