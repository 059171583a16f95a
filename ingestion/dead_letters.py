"""Dead letters: the shapes in which AWS keeps what it could not deliver, and the records in them."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from contracts.json_text import one_line

MAX_OBJECT_BYTES: Final = 512 * 1024 * 1024
"""Most bytes one object may unpack to; Firehose closes an object at 128 MiB."""
SOURCE_RECORD: Final = "source record"
"""In place of an error's word, where a record is kept as it was sent."""

_GZIP: Final = b"\x1f\x8b"
_WORD: Final = re.compile(r"[\w.:$-]{1,80}")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEXT: Final = re.compile(r"\s*(\{)")
_IN_NAME: Final = re.compile(r"-(\d{4}(?:-\d\d){5})-[^/]*$")
"""When Firehose closed an object, as its name says."""

_NO_LETTER: Final = "It is neither the envelope of a failed delivery nor an event."
_NO_EVENTS: Final = (
    "It names events and does not hold them; replay them from the archive or the stream they came by."
)


class _Letter(Struct, rename="camel"):
    """What the envelopes have, each some of it. Firehose writes `errorCode` in three ways."""

    detail_type: Any = msgspec.field(default=None, name="detail-type")
    detail: Raw = Raw()
    raw_data: Any = None
    arrival_timestamp: Any = None
    error_code: Any = None
    last_error_code: Any = None
    error_code_of_conversion: Any = msgspec.field(default=None, name="ErrorCode")
    request_payload: Raw = Raw()
    request_context: Any = None
    response_context: Any = None
    timestamp: Any = None
    failed_messages: Any = None
    kinesis_batch_info: Any = msgspec.field(default=None, name="KinesisBatchInfo")
    stream_batch_info: Any = msgspec.field(default=None, name="DDBStreamBatchInfo")


class _Timed(Struct):
    time: Any = None


_scan = json.JSONDecoder().raw_decode
_decode = msgspec.json.Decoder(_Letter).decode
_decode_time = msgspec.json.Decoder(_Timed).decode


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that failed: where it is, AWS's word for why, its records, and when they first arrived, if that is known."""

    place: str
    error: str
    records: list[bytes]
    arrived_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What holds no record that could be brought back, and stays where it is; `reason` repeats nothing of its data."""

    place: str
    reason: str


Found: TypeAlias = Letter | Left


def letters_in(place: str, data: bytes) -> Iterator[Found]:
    """What an object under an error prefix holds, line by line; `place` is its address."""
    try:
        text = _unzipped(data)
    except (OSError, EOFError, zlib.error, ValueError) as e:
        yield Left(place, f"It cannot be unzipped ({e}).")
        return
    closed = _time_in(place)
    for number, line in enumerate(split(text)):
        found = letter_of(f"{place}#{number}", line)
        if isinstance(found, Letter) and found.arrived_at is None:
            found = Letter(found.place, found.error, found.records, closed)
        yield found


def letter_of_message(place: str, body: bytes, attributes: Mapping[str, str], sent: str | None) -> Found:
    """What a message of a dead-letter queue holds.

    Args:
        place: the queue and the message's id.
        body: the event, or a record of the call that failed with it.
        attributes: EventBridge's (ERROR_CODE …) or Lambda's (ErrorCode …), by name.
        sent: milliseconds since 1970 when the message was put into the queue, by SQS.
    """
    found = letter_of(place, body)
    if isinstance(found, Left):
        return found
    error = found.error
    if error == SOURCE_RECORD:
        error = _word(attributes.get("ERROR_CODE"), attributes.get("ErrorCode"))
    return Letter(place, error, found.records, _instant(sent) or found.arrived_at)


def letter_of(place: str, text: bytes) -> Found:
    """What one envelope holds: Firehose's, of any error; Lambda's record of a call; or an event as it was sent."""
    try:
        letter = _decode(text)
    except (ValueError, RecursionError):
        return Left(place, _NO_LETTER)
    if _is_event(letter):
        return Letter(place, SOURCE_RECORD, [one_line(text)])
    if isinstance(letter.raw_data, str):
        return _of_firehose(place, letter, letter.raw_data)
    if bytes(letter.request_payload):
        return _of_lambda(place, letter, bytes(letter.request_payload))
    lists = (letter.failed_messages, letter.kinesis_batch_info, letter.stream_batch_info)
    return Left(place, _NO_EVENTS if any(lists) else _NO_LETTER)


def arrival_of(record: bytes) -> dt.datetime | None:
    """The time that a record's own envelope says, where it says one."""
    try:
        return _iso(_decode_time(record).time)
    except (ValueError, RecursionError):
        return None


def split(text: bytes) -> list[bytes]:
    """The records of a text: lines, parted where Firehose joined them; a document over several lines stays one, on one line.

    Lines without anything are no records here: nothing was sent in them.
    """
    first, newline, _ = text.lstrip().partition(b"\n")
    if newline and not _is_json(first) and (documents := _documents(text)):
        return documents
    lines = (line for line in text.split(b"\n") if line.strip())
    return [record for line in lines for record in (_joined(line) if b"}{" in line else (line,))]


def _of_firehose(place: str, letter: _Letter, encoded: str) -> Found:
    """Whichever step of Firehose failed, `rawData` is the record as it was sent; the rest of an envelope differs by step."""
    try:
        records = split(_unzipped(base64.b64decode(encoded, validate=True)))
    except binascii.Error:
        return Left(place, "Its `rawData` is not base64.")
    except (OSError, EOFError, zlib.error, ValueError) as e:
        return Left(place, f"Its `rawData` cannot be unzipped ({e}).")
    if not records:
        return Left(place, "Its `rawData` is empty.")
    error = _word(letter.error_code, letter.last_error_code, letter.error_code_of_conversion)
    return Letter(place, error, records, _instant(letter.arrival_timestamp))


def _of_lambda(place: str, letter: _Letter, payload: bytes) -> Found:
    try:
        is_event = _is_event(_decode(payload))
    except (ValueError, RecursionError):
        is_event = False
    if not is_event:
        return Left(place, "Its `requestPayload` is no event.")
    contexts = [each for each in (letter.response_context, letter.request_context) if isinstance(each, dict)]
    error = _word(*(each.get(name) for name in ("functionError", "condition") for each in contexts))
    return Letter(place, error, [one_line(payload)], _iso(letter.timestamp))


def _is_event(letter: _Letter) -> bool:
    return isinstance(letter.detail_type, str) and bool(bytes(letter.detail))


def _word(*candidates: Any) -> str:
    """The first that is a word of AWS's; anything longer might tell of the data."""
    words = (str(each) for each in candidates if isinstance(each, str | int))
    return next((word for word in words if _WORD.fullmatch(word)), "unknown")


def _unzipped(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        text = file.read(MAX_OBJECT_BYTES + 1)
    if len(text) > MAX_OBJECT_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_OBJECT_BYTES} bytes")
    return text


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _documents(text: bytes) -> list[bytes]:
    """The JSON objects that the text consists of, each on one line; none where it holds anything else."""
    whole = text.decode(errors="surrogateescape")
    found, start = [], 0
    while match := _NEXT.match(whole, start):
        try:
            _, end = _scan(whole, match.start(1))
        except (ValueError, RecursionError):
            return []
        found.append(one_line(whole[match.start(1) : end].encode(errors="surrogateescape")))
        start = end
    return [] if whole[start:].strip() else found


def _joined(line: bytes) -> Iterator[bytes]:
    text = line.decode(errors="surrogateescape")  # one bad byte must not take the neighbours along
    start = 0
    while start < len(text):
        try:
            _, end = _scan(text, start)
        except (ValueError, RecursionError):
            end = len(text)
        yield text[start:end].encode(errors="surrogateescape")
        start = end


def _instant(value: Any) -> dt.datetime | None:
    """A time in milliseconds since 1970, as a number or as text; None where it is no time since then."""
    try:
        count = int(value)
        return _EPOCH + dt.timedelta(milliseconds=count) if count > 0 else None
    except (TypeError, ValueError, OverflowError):
        return _iso(value)


def _iso(value: Any) -> dt.datetime | None:
    try:
        found: dt.datetime = msgspec.convert(value, Annotated[dt.datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        return None
    return found


def _time_in(place: str) -> dt.datetime | None:
    match = _IN_NAME.search(place)
    try:
        return dt.datetime.strptime(f"{match[1]}+0000", "%Y-%m-%d-%H-%M-%S%z") if match else None
    except ValueError:
        return None
