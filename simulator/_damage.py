"""Ways in which a single record goes wrong. Each takes a fresh copy of a page view or cart addition and returns its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

Envelope = dict[str, Any]
Damage = Callable[[Envelope], bytes]

_OVER_A_MEBIBYTE: Final = 1_048_700
_TOO_DEEP: Final = 60_000
_NO_EVENT: Final = b"<html><head><title>502 Bad Gateway</title></head></html>"


def _with(path: str, value: Any) -> Damage:
    """Set a field, by its dotted path from the envelope."""
    *parents, last = path.split(".")

    def damage(envelope: Envelope) -> bytes:
        node = envelope
        for parent in parents:
            node = node[parent]
        node[last] = value
        return orjson.dumps(envelope)

    return damage


def _without_page_url(envelope: Envelope) -> bytes:
    del envelope["detail"]["page_url"]
    return orjson.dumps(envelope)


def _unknown_event_type(envelope: Envelope) -> bytes:
    envelope["detail-type"] = envelope["detail"]["metadata"]["event_type"] = "loyalty_points_granted"
    return orjson.dumps(envelope)


def _half(envelope: Envelope) -> bytes:
    whole = orjson.dumps(envelope)
    return whole[: len(whole) * 2 // 3]


def _not_utf8(envelope: Envelope) -> bytes:
    return orjson.dumps(envelope).replace(b'"page_type":"', b'"page_title":"caf\xe9","page_type":"')


def _key_twice(envelope: Envelope) -> bytes:
    return orjson.dumps(envelope).replace(b'"page_type":"', b'"page_type":"help","page_type":"')


def _nested(envelope: Envelope) -> bytes:
    depth = b"[" * _TOO_DEEP + b"]" * _TOO_DEEP
    return orjson.dumps(envelope).replace(b'"page_type":"', b'"breadcrumbs":' + depth + b',"page_type":"')


PAGE: Final[Mapping[str, Damage]] = {
    "unknown_field_in_envelope": _with("trace-header", "Root=1-67891233"),
    "unknown_field_in_data": _with("detail.scroll_depth", {"percent": 80, "is_bounce": False}),
    "unknown_field_in_metadata": _with("detail.metadata.sdk", {"name": "web-sdk", "version": "9.1"}),
    "truncated_line": _half,
    "garbage_line": lambda _: _NO_EVENT,
    "empty_line": lambda _: b"",
    "not_an_envelope": lambda envelope: orjson.dumps(envelope["detail"]),
    "invalid_utf8": _not_utf8,
    "unknown_event_type": _unknown_event_type,
    "unknown_version": _with("detail.metadata.schema_version", 99),
    "missing_field": _without_page_url,
    "bad_enum": _with("detail.page_type", "homepage"),
    "bad_time": _with("detail.metadata.occurred_at", "2025-02-30T25:61:00Z"),
    "local_time": _with("detail.metadata.occurred_at", "2025-02-03T10:00:00"),
    "duplicate_key": _key_twice,
    "oversized_record": _with("detail.page_html", "x" * _OVER_A_MEBIBYTE),
    "deep_nesting": _nested,
}
"""Damage to a page view, by fault."""

CART: Final[Mapping[str, Damage]] = {
    "wrong_type": _with("detail.quantity", "two"),
    "out_of_range": _with("detail.quantity", 0),
    "bad_money": _with("detail.unit_price_amount", "12,99"),
    "money_as_number": _with("detail.unit_price_amount", 12.99),
}
"""Damage to a cart addition, by fault."""

PAGE_IDS_LOST: Final = frozenset(
    {
        "truncated_line",
        "garbage_line",
        "empty_line",
        "not_an_envelope",
        "invalid_utf8",
        "oversized_record",
        "deep_nesting",
    }
)
"""Faults after which nobody can tell the event's id."""
