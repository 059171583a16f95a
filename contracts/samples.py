"""Sample events derived from contracts: valid ones, and for each rule one that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from contracts.declarations import Declarations
from contracts.events import EventVersion
from contracts.fields import INT64_MAX, Field, Kind

_TEXTS: Final = {
    "money": "12.50",
    "unsigned-money": "12.50",
    "rate": "1.0837",
    "currency-code": "EUR",
    "country-code": "NL",
    "sha256": "0f" * 32,
    "date-time": "2026-11-01T09:30:00.250000Z",
    "date": "2026-11-01",
}
_BAD_TEXTS: Final = {
    "money": "12.34567",
    "unsigned-money": "-1.00",
    "rate": "-0.5",
    "currency-code": "eur",
    "country-code": "NLD",
    "sha256": "0F" * 32,
    "date-time": "2026-11-01T09:30:00",
    "date": "2026-13-01",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A whole record, and the error_type it must be rejected for (None when it is valid)."""

    name: str
    record: dict[str, Any]
    error_type: str | None = None


def samples(declarations: Declarations, event: EventVersion) -> Iterator[Sample]:
    """Valid samples (every field; required fields only; an unknown field) and an invalid one for each rule."""
    full = record(declarations, event)
    yield Sample("every field", full)
    yield Sample("required fields only", record(declarations, event, required_only=True))
    unknown = copy.deepcopy(full)
    unknown["detail"]["a_field_of_tomorrow"] = {"nested": [1, "two"]}
    yield Sample("an unknown field", unknown)
    for field in event.fields:
        for name, value, error_type in _violations(field):
            broken = copy.deepcopy(full)
            broken["detail"][field.name] = value
            yield Sample(f"{field.name}: {name}", broken, error_type)
        if field.required:
            lacking = copy.deepcopy(full)
            del lacking["detail"][field.name]
            yield Sample(f"{field.name}: missing", lacking, "missing_field")


def record(declarations: Declarations, event: EventVersion, *, required_only: bool = False) -> dict[str, Any]:
    """A valid record of the event, the same each time."""
    envelope = declarations.envelope
    metadata = _object(envelope.metadata, required_only=True) | {
        "event_id": f"sample-{event.event_type}",
        "event_type": event.event_type,
        "schema_version": event.version,
    }
    head = _object(tuple(f for f in envelope.record if f.name != "detail"), required_only=True)
    detail = {"metadata": metadata, **_object(event.fields, required_only=required_only)}
    return {**head, "detail-type": event.event_type, "detail": detail}


def _object(fields: tuple[Field, ...], *, required_only: bool) -> dict[str, Any]:
    return {f.name: _value(f, required_only=required_only) for f in fields if f.required or not required_only}


def _value(field: Field, *, required_only: bool) -> Any:
    match field.kind:
        case Kind.OBJECT:
            return _object(field.members, required_only=required_only)
        case Kind.ARRAY if field.element is not None:
            return [_value(field.element, required_only=required_only)] * max(1, field.min_items or 0)
        case Kind.INTEGER | Kind.NUMBER:
            return _number(field)
        case Kind.BOOLEAN:
            return True
        case _:
            return _text(field)


def _number(field: Field) -> float | int:
    low = 1 if field.minimum is None else field.minimum
    return low if field.maximum is None else min(max(low, 1), field.maximum)


def _text(field: Field) -> str:
    if field.enum:
        return field.enum[0]
    if field.format:
        return _TEXTS[field.format]
    text = f"{field.name}-1".ljust(field.min_length or 0, "x")
    return text[: field.max_length] if field.max_length else text


def _violations(field: Field) -> Iterator[tuple[str, Any, str]]:
    """Values that break one rule of the field each, with the error_type they give."""
    yield "wrong type", 7 if _is_text(field) else "seven", "wrong_type"
    if not field.nullable:
        yield "null", None, "wrong_type"
    if field.enum:
        yield "not in enum", "no such value", "not_in_enum"
    elif field.format:
        yield "bad format", _BAD_TEXTS[field.format], "bad_format"
    elif field.kind is Kind.STRING:
        yield from _length_violations(field)
    elif field.kind is Kind.INTEGER:
        yield "a fraction", 1.5, "wrong_type"
        yield "too large", (INT64_MAX if field.maximum is None else int(field.maximum)) + 1, "out_of_range"
    if field.minimum is not None:
        yield "too small", field.minimum - 1, "out_of_range"
    if field.kind is Kind.ARRAY and field.min_items:
        yield "too few", [], "out_of_range"


def _length_violations(field: Field) -> Iterator[tuple[str, Any, str]]:
    if field.min_length:
        yield "too short", "", "out_of_range"
    if field.max_length:
        yield "too long", "x" * (field.max_length + 1), "out_of_range"


def _is_text(field: Field) -> bool:
    return field.kind not in {Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.OBJECT, Kind.ARRAY}
