"""msgspec types derived from contracts: the strict gate every record passes.

`STRICT` types refuse fields the contract does not know (so that the caller can keep them); `LENIENT` ones skip them.
Everything else is the same: both give one verdict.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from contracts.envelope import Envelope
from contracts.events import EventVersion
from contracts.fields import INT64_MAX, INT64_MIN, Field, Kind


def envelope_type(envelope: Envelope, event: EventVersion, *, strict: bool) -> type[Struct]:
    """The struct of a whole record of one event version, tagged by `detail-type`."""
    metadata = _struct("metadata", tuple(_pinned(f, event) for f in envelope.metadata), strict=strict)
    detail = _define(
        "detail", [("metadata", metadata), *(_member(f, strict=strict) for f in event.fields)], strict=strict
    )
    record = [_member(f, strict=strict) for f in envelope.record if f.name not in {"detail", "detail-type"}]
    return _define(
        event.event_type,
        [*record, ("detail", detail)],
        strict=strict,
        tag_field="detail-type",
        tag=event.event_type,
    )


def _pinned(field: Field, event: EventVersion) -> Field | tuple[str, Any]:
    """Metadata that the contract fixes: the type and the version."""
    if field.name == "event_type":
        return ("event_type", Literal[event.event_type])
    if field.name == "schema_version":
        return ("schema_version", Literal[event.version])
    return field


def _struct(name: str, fields: tuple[Field | tuple[str, Any], ...], *, strict: bool) -> type[Struct]:
    return _define(
        name, [f if isinstance(f, tuple) else _member(f, strict=strict) for f in fields], strict=strict
    )


def _define(name: str, members: list[Any], *, strict: bool, **options: Any) -> type[Struct]:
    # in order of their names, so that a struct encodes as canonical JSON does; sorting at each encoding costs several times more
    ordered = sorted(members, key=lambda member: str(member[0]))
    return defstruct(name, ordered, kw_only=True, forbid_unknown_fields=strict, gc=False, **options)


def _member(field: Field, *, strict: bool) -> tuple[Any, ...]:
    plain = value_type(field, strict=strict)
    nullable = plain | None if field.nullable else plain
    if field.required:
        return (field.name, nullable)
    return (field.name, nullable | UnsetType, UNSET)


_PLAIN: Final = {
    Kind.DATE_TIME: Annotated[dt.datetime, Meta(tz=True)],
    Kind.DATE: dt.date,
    Kind.BOOLEAN: bool,
}


def value_type(field: Field, *, strict: bool) -> Any:
    """The Python type that accepts exactly the values the contract accepts, null aside."""
    match field.kind:
        case Kind.OBJECT:
            return _struct(field.name, field.members, strict=strict)
        case Kind.ARRAY:
            return _array(field, strict=strict)
        case Kind.INTEGER:
            low, high = field.minimum, field.maximum
            return Annotated[
                int, Meta(ge=INT64_MIN if low is None else low, le=INT64_MAX if high is None else high)
            ]
        case Kind.NUMBER:
            return Annotated[float, Meta(ge=field.minimum, le=field.maximum)]
        case kind:
            return _PLAIN[kind] if kind in _PLAIN else _text(field)


def _array(field: Field, *, strict: bool) -> Any:
    if field.element is None:
        raise AssertionError(f"array {field.name} without items")  # the parser refuses it
    element = value_type(field.element, strict=strict)
    items = list[element | None] if field.element.nullable else list[element]  # type: ignore[valid-type]
    return Annotated[items, Meta(min_length=field.min_items, max_length=field.max_items)]


def _text(field: Field) -> Any:
    if field.enum:
        return Literal[field.enum]
    return Annotated[
        str, Meta(min_length=field.min_length, max_length=field.max_length, pattern=field.pattern)
    ]


def decoder(types: list[type[Struct]]) -> msgspec.json.Decoder[Any]:
    """A decoder of any of `types`, told apart by their tag."""
    union: Any = types[0]
    for each in types[1:]:
        union = union | each
    return msgspec.json.Decoder(union)
