"""What the collector takes, as OpenAPI, derived from the contracts."""

from __future__ import annotations

from typing import Any, Final

from contracts.declarations import Declarations
from contracts.events import EventVersion
from contracts.json_schema import object_schema

_ANSWERS: Final = {
    "202": "The events are on the disk.",
    "400": "The body is empty.",
    "401": "There is no such key.",
    "413": "Too many bytes or events; part them.",
    "429": "Too much waits for the disk; send again after Retry-After seconds.",
    "503": "The log cannot be written or waits for the lander; send again after Retry-After seconds.",
}


def openapi(declarations: Declarations, *, most_events: int) -> dict[str, Any]:
    """The description of the collector's interface.

    Args:
        declarations: the contracts; each event type is a schema.
        most_events: how many events a request may have.
    """
    schemas = {name: _details(declarations, event.latest) for name, event in declarations.events.items()}
    event = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]}
    body = {"oneOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": most_events}]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Collector", "version": "1"},
        "security": [{"header": []}, {"address": []}],
        "paths": {
            "/v1/events": {
                "post": {
                    "summary": "Take in an event, or a list of events.",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                    "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
                }
            }
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "header": {"type": "http", "scheme": "bearer"},
                "address": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _details(declarations: Declarations, event: EventVersion) -> dict[str, Any]:
    """The schema of an event's details: its type, its data, and what else it may say of itself."""
    schema = object_schema(declarations.envelope.metadata)
    schema["properties"] |= {
        "event_type": {"const": event.event_type},
        "schema_version": {"const": event.version},
        "data": object_schema(event.fields),
    }
    schema["required"] = ["event_type", "data"]
    return {"title": event.event_type, "description": event.description, **schema}
