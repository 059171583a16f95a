"""JSON Schema (2020-12) of whole records, derived for tools that speak it."""

from __future__ import annotations

import sys
from typing import Any, Final

from contracts.declarations import Declarations
from contracts.events import EventVersion
from contracts.fields import INT64_MAX, INT64_MIN, Field, Kind

_JSON_TYPES: Final = {
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.OBJECT: "object",
    Kind.ARRAY: "array",
}


def event_schema(declarations: Declarations, event: EventVersion) -> dict[str, Any]:
    """The schema of a whole EventBridge record of one event version."""
    envelope = declarations.envelope
    metadata = object_schema(envelope.metadata)
    metadata["properties"]["event_type"] = {"const": event.event_type}
    metadata["properties"]["schema_version"] = {"type": "integer", "const": event.version}
    detail = object_schema(event.fields)
    detail["properties"]["metadata"] = metadata
    detail["required"] = ["metadata", *detail.get("required", [])]
    record = object_schema(tuple(f for f in envelope.record if f.name != "detail"))
    record["properties"]["detail-type"] = {"const": event.event_type}
    record["properties"]["detail"] = detail
    record["required"].append("detail")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{event.event_type} v{event.version}",
    }
    return {**head, "description": event.description, **record}


def object_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    """The schema of an object with these fields; others are allowed."""
    schema: dict[str, Any] = {"type": "object", "properties": {f.name: field_schema(f) for f in fields}}
    required = [f.name for f in fields if f.required]
    return {**schema, "required": required} if required else schema


def field_schema(field: Field) -> dict[str, Any]:
    """The schema of one value, as the contract means it: integers are 64 bits, patterns hold for the whole text."""
    name = _JSON_TYPES.get(field.kind, "string")
    schema: dict[str, Any] = {"type": [name, "null"] if field.nullable else name}
    if field.kind is Kind.OBJECT:
        schema |= {k: v for k, v in object_schema(field.members).items() if k != "type"}
    if field.kind is Kind.ARRAY and field.element is not None:
        schema["items"] = field_schema(field.element)
    if field.enum:
        schema["enum"] = [*field.enum, None] if field.nullable else list(field.enum)
    if field.pattern:
        schema["pattern"] = field.pattern.replace(r"\Z", "$")
    if field.kind in {Kind.DATE_TIME, Kind.DATE}:
        schema["format"] = field.kind.value
    return {**schema, **_limits(field), **({"description": field.description} if field.description else {})}


def _limits(field: Field) -> dict[str, Any]:
    limits = {
        "minLength": field.min_length,
        "maxLength": field.max_length,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "minItems": field.min_items,
        "maxItems": field.max_items,
    }
    if field.kind is Kind.INTEGER:
        limits["minimum"] = INT64_MIN if field.minimum is None else field.minimum
        limits["maximum"] = INT64_MAX if field.maximum is None else field.maximum
    if field.kind is Kind.NUMBER:  # JSON has numbers that no double holds
        limits["minimum"] = -sys.float_info.max if field.minimum is None else field.minimum
        limits["maximum"] = sys.float_info.max if field.maximum is None else field.maximum
    return {name: value for name, value in limits.items() if value is not None}
