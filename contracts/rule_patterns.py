"""Rule patterns of EventBridge, generated from contracts, for applications that listen on the bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.declarations import Declarations
from contracts.errors import UsageError
from contracts.fields import Field, Kind
from contracts.limits import limit
from contracts.targets import nearest

_NO_REPLAY: Final = {"replay": {"replay_id": [{"exists": False}]}}
"""`exists` works on leaves only, so it names the leaf that every mark has."""


def rule_pattern(
    declarations: Declarations,
    event_types: Sequence[str],
    where: Mapping[str, Sequence[str]] | None = None,
    *,
    replays: bool = False,
) -> dict[str, Any]:
    """The pattern of a rule that takes these event types.

    Args:
        declarations: the contracts.
        event_types: one or more of them.
        where: values that a field may have, by its path in the event's detail, such as `reason`, `shipping_address.country_code` or
            `metadata.channel`.
        replays: also take events that are marked as replayed.

    Raises:
        UsageError: for a type, a field or a value that contracts do not know, or a pattern longer than EventBridge takes.
    """
    if not event_types:
        raise UsageError("A rule names at least one event type.")
    detail: dict[str, Any] = {} if replays else {"metadata": dict(_NO_REPLAY)}
    for path, values in (where or {}).items():
        fields = [_field(declarations, event_type, path) for event_type in event_types]
        _put(detail, path.split("."), [_value(fields, path, value) for value in values])
    pattern: dict[str, Any] = {"detail-type": [declarations.event(name).name for name in event_types]}
    pattern |= {"detail": detail} if detail else {}
    size, most = len(msgspec.json.encode(pattern)), limit("eventbridge.rule_pattern.characters")
    if size > most:
        raise UsageError(
            f"The pattern has {size} characters; EventBridge takes {most}. Make several rules of it."
        )
    return pattern


def _field(declarations: Declarations, event_type: str, path: str) -> Field:
    """The leaf at a path of an event type's detail."""
    metadata = Field("metadata", Kind.OBJECT, members=declarations.envelope.metadata)
    members: tuple[Field, ...] = (metadata, *declarations.event(event_type).latest.fields)
    found = metadata
    for name in path.split("."):
        known = {field.name: field for field in members}
        if name not in known:
            raise UsageError(f"{event_type} has no field {name!r} in {path!r}{nearest(name, known)}")
        found, members = known[name], known[name].members
    if found.kind in {Kind.OBJECT, Kind.ARRAY}:
        raise UsageError(f"{path!r} of {event_type} is no single value; a rule compares single values only.")
    return found


def _value(fields: Sequence[Field], path: str, text: str) -> Any:
    """The value as JSON has it; patterns compare JSON's text, so 1 and "1" are not the same."""
    kinds = {field.kind for field in fields}
    for field in fields:
        if field.enum and text not in field.enum:
            raise UsageError(f"{path!r} is never {text!r}{nearest(text, map(str, field.enum))}")
    try:
        if kinds == {Kind.BOOLEAN}:
            return {"true": True, "false": False}[text]
        return int(text) if kinds == {Kind.INTEGER} else text
    except (KeyError, ValueError) as e:
        raise UsageError(f"{path!r} is never {text!r}; it is {' or '.join(sorted(kinds))}.") from e


def _put(tree: dict[str, Any], path: Sequence[str], values: list[Any]) -> None:
    *above, last = path
    for name in above:
        tree = tree.setdefault(name, {})
    tree[last] = values
