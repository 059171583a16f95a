"""The verdict on one record, given by the same code to producers, at the door and at curate."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
import xxhash
from msgspec import UNSET, Raw, Struct

from contracts.accepted import Accepted
from contracts.declarations import Declarations
from contracts.fields import Field, Kind
from contracts.json_text import DuplicateKeyError, canonical, no_key_twice, plain_number, unknown_fields
from contracts.structs import decoder, envelope_type

MAX_RECORD_BYTES: Final = 1_048_576
"""EventBridge takes entries of at most 1 MB (`limits.yaml`), by either reading; what is larger did not come from it."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a record is no event. `error_type` is one of the words in the glossary."""

    error_type: str
    message: str
    field: str | None = None
    event_type: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A record that fits its contract."""

    event_type: str
    version: int
    extras: str | None
    payload_hash: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record of another producer, and what contracts accept it: the first whose `where` holds is what it becomes."""

    accepted: tuple[Accepted, ...]


def duplicate_key(key: str, event_type: str, event_id: str | None) -> Rejection:
    """A record with a key that stands twice has no one meaning."""
    return Rejection("duplicate_key", f"Key {key!r} stands twice in one object.", None, event_type, event_id)


class _Header(Struct):
    detail_type: str = msgspec.field(name="detail-type")
    detail: Raw
    source: Any = None


class _Peek(Struct):
    metadata: dict[str, Any]


class Validator:
    """Validators derived from the contracts.

    `read_fast` takes only records of the newest versions without unknown fields, and raises for all others; `read`
    takes any bytes at all.
    """

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._all_accepted = (
            declarations.accepted
        )  # read now: a mistake in a source is told before records are judged
        latest = [
            envelope_type(declarations.envelope, e.latest, strict=True) for e in declarations.events.values()
        ]
        self.read_fast: Callable[[bytes], Any] = decoder(latest).decode
        self.types: dict[type[Struct], str] = dict(zip(latest, declarations.events, strict=True))
        self._header = msgspec.json.Decoder(_Header)
        self._peek = msgspec.json.Decoder(_Peek)
        self._transport = tuple(sorted(declarations.envelope.transport))
        self._transport_pointers = tuple(f"/detail/metadata/{name}/" for name in self._transport)
        self._accepted = cache(self._accepted_from)
        self._lenient = cache(self._lenient_decoder)
        self._known = cache(self._known_fields)

    def read(self, record: bytes) -> Reading | Rejection | Foreign:
        """The verdict on one record; never raises, whatever the bytes.

        A record without an event_id of ours, from a source that contracts accept, is foreign.
        """
        if self._all_accepted and (accepted := self._foreign(record)):
            return Foreign(accepted)
        return self.read_own(record)

    def read_own(self, record: bytes) -> Reading | Rejection:
        """The verdict on one record that has to be ours; never raises, whatever the bytes."""
        try:
            return self._read(record)
        except RecursionError:
            return Rejection(
                "deep_nesting", "The record is nested deeper than any contract; it was not parsed."
            )

    def payload_hash(self, record: Any, unknown: str = "") -> int:
        """XXH3 of the canonical payload: data and metadata less transport fields, signed 64 bits.

        The canonical form is JSON with sorted keys and no white space, as in RFC 8785, of the values as the contract reads
        them, so that `…:00Z` and `…:00.000Z` are one time. Changes the record: transport fields are unset.
        """
        metadata = record.detail.metadata
        for name in self._transport:
            setattr(metadata, name, UNSET)
        payload = msgspec.json.encode(record.detail)  # the structs' fields are sorted by name
        unsigned = xxhash.xxh3_64_intdigest(payload + unknown.encode() if unknown else payload)
        return unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned

    def _foreign(self, record: bytes) -> tuple[Accepted, ...]:
        header = None
        if len(record) <= MAX_RECORD_BYTES:
            with contextlib.suppress(ValueError, RecursionError):
                record.decode()  # what is no text goes on as ours, and is refused as such
                header = self._header.decode(record)
        if header is None or isinstance(self._metadata(header.detail).get("event_id"), str):
            return ()
        return self._accepted(str(header.source), header.detail_type)

    def _read(self, record: bytes) -> Reading | Rejection:
        header = self._read_header(record)
        if isinstance(header, Rejection):
            return header
        event_type = header.detail_type
        metadata = self._metadata(header.detail)
        event_id = metadata.get("event_id")
        event_id = event_id if isinstance(event_id, str) else None
        if event_type not in self._declarations.events:
            return Rejection(
                "unknown_event_type",
                f"No contract declares event type {event_type!r}.",
                "$.detail-type",
                event_type,
                event_id,
            )
        version = metadata.get("schema_version")
        event = self._declarations.events[event_type]
        if type(version) is int and event.version(version) is None:
            newest = event.latest.version
            message = f"{event_type} has no version {version}; the newest is {newest}."
            return Rejection(
                "unknown_version", message, "$.detail.metadata.schema_version", event_type, event_id
            )
        number = version if type(version) is int else event.latest.version
        return self._read_typed(record, event_type, number, event_id)

    def _accepted_from(self, source: str, detail_type: str) -> tuple[Accepted, ...]:
        return tuple(each for each in self._all_accepted if each.takes(source, detail_type))

    def _read_header(self, record: bytes) -> _Header | Rejection:
        if len(record) > MAX_RECORD_BYTES:
            return Rejection(
                "oversized_record",
                f"The record has {len(record)} bytes; at most {MAX_RECORD_BYTES} are taken.",
            )
        try:
            record.decode()
            return self._header.decode(record)
        except UnicodeDecodeError as e:
            return Rejection("invalid_utf8", f"Byte {e.start} is not UTF-8.")
        except msgspec.ValidationError as e:
            return Rejection("not_an_envelope", f"Not an EventBridge envelope: {e}.", _path(e))
        except msgspec.DecodeError as e:
            return Rejection("malformed_json", f"Not JSON: {e}.")

    def _metadata(self, detail: Raw) -> dict[str, Any]:
        try:
            return self._peek.decode(detail).metadata
        except (ValueError, RecursionError):
            return {}

    def _read_typed(
        self, record: bytes, event_type: str, version: int, event_id: str | None
    ) -> Reading | Rejection:
        try:
            found = self._lenient(event_type, version).decode(record)
        except msgspec.ValidationError as e:
            return Rejection(_violation(str(e)), f"{e}.", _path(e), event_type, event_id)
        except msgspec.DecodeError as e:
            return Rejection("malformed_json", f"Not JSON: {e}.", None, event_type, event_id)
        try:
            tree = json.loads(record, object_pairs_hook=no_key_twice, parse_float=plain_number)
            unknown = dict(unknown_fields(tree, self._known(event_type, version), ""))
            extras = canonical(unknown) if unknown else None
            in_payload = {
                k: v
                for k, v in unknown.items()
                if k.startswith("/detail/") and not k.startswith(self._transport_pointers)
            }
        except DuplicateKeyError as e:
            return duplicate_key(str(e.args[0]), event_type, event_id)
        except UnicodeEncodeError:
            return Rejection(
                "invalid_utf8", "A string holds half of a surrogate pair.", None, event_type, event_id
            )
        except ValueError as e:
            return Rejection("malformed_json", f"Not JSON: {e}.", None, event_type, event_id)
        return Reading(
            event_type,
            version,
            extras,
            self.payload_hash(found, canonical(in_payload) if in_payload else ""),
        )

    def _lenient_decoder(self, event_type: str, version: int) -> msgspec.json.Decoder[Any]:
        event = self._declarations.events[event_type].version(version)
        if event is None:
            raise AssertionError(f"{event_type} v{version} was checked before")
        return decoder([envelope_type(self._declarations.envelope, event, strict=False)])

    def _known_fields(self, event_type: str, version: int) -> tuple[Field, ...]:
        event, envelope = self._declarations.events[event_type].version(version), self._declarations.envelope
        fields = event.fields if event else ()
        metadata = Field("metadata", Kind.OBJECT, members=envelope.metadata)
        detail = Field("detail", Kind.OBJECT, members=(metadata, *fields))
        return (*(f for f in envelope.record if f.name != "detail"), detail)


_VIOLATIONS: Final = (
    (re.compile(r"Object missing required field"), "missing_field"),
    (re.compile(r"Invalid (enum )?value"), "not_in_enum"),
    (re.compile(r"matching regex|Invalid RFC3339|with a timezone"), "bad_format"),
    (re.compile(r"Expected `\w+` (of length|>=|<=|>|<)|out of range"), "out_of_range"),
    (re.compile(r"Expected `"), "wrong_type"),
)


def _violation(message: str) -> str:
    return next((word for pattern, word in _VIOLATIONS if pattern.search(message)), "contract_violation")


def _path(error: msgspec.ValidationError) -> str | None:
    """The JSON path at the end of msgspec's message; a missing field's own name is appended."""
    message = str(error)
    at = re.search(r" - at `(.+)`$", message)
    missing = re.match(r"Object missing required field `(.+?)`", message)
    path = at[1] if at else "$"
    return f"{path}.{missing[1]}" if missing else path if at else None
