"""JSON as contracts look at it: keys that stand twice, fields that nobody declared, one canonical form."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from contracts.fields import Field, Kind


class DuplicateKeyError(ValueError):
    """A key stands twice in one object; the argument is the key."""


_LEAST_WITH_EXPONENT: Final = 1e21


def repeated_key(record: bytes) -> str | None:
    """A key that stands twice in one object of the JSON `record`, or None."""
    try:
        json.loads(record, object_pairs_hook=no_key_twice)
    except DuplicateKeyError as e:
        return str(e.args[0])
    return None


def canonical(value: Any) -> str:
    """The value as JSON with sorted keys and no white space."""
    return msgspec.json.encode(value, order="sorted").decode()


def one_line(text: bytes) -> bytes:
    """JSON on one line: a newline ends a record in raw, and within JSON it is only white space."""
    return text.replace(b"\n", b" ").replace(b"\r", b" ")


def joined(one: bytes, other: bytes) -> bytes:
    """Two JSON objects as one; no key may stand in both."""
    members = other.strip()[1:-1].strip()
    return one[:-1] + b"," + members + b"}" if members else one


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: an object in which each key stands once.

    Raises:
        DuplicateKeyError: when one stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise DuplicateKeyError(next(k for k in keys if keys.count(k) > 1))
    return found


def plain_number(text: str) -> float | str:
    """A number as RFC 8785 writes it: 1.0 is 1; what no double holds stays text."""
    value = float(text)
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() and abs(value) < _LEAST_WITH_EXPONENT else value


def unknown_fields(
    value: dict[str, Any], fields: tuple[Field, ...], pointer: str
) -> Iterator[tuple[str, Any]]:
    """Each field that no contract knows, with its JSON Pointer (RFC 6901)."""
    known = {f.name: f for f in fields}
    for key, child in value.items():
        here = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in known:
            yield here, child
        else:
            yield from _unknown_below(child, known[key], here)


def _unknown_below(value: Any, field: Field, pointer: str) -> Iterator[tuple[str, Any]]:
    if field.kind is Kind.OBJECT and isinstance(value, dict):
        yield from unknown_fields(value, field.members, pointer)
    elif field.kind is Kind.ARRAY and field.element is not None and field.element.kind is Kind.OBJECT:
        for i, item in enumerate(value or ()):
            yield from _unknown_below(item, field.element, f"{pointer}/{i}")
