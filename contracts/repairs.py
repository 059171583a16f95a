"""Rules that repair rejected records: which they match, and what they change in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any, Final

import jsonpath

from contracts._located import Located, load_declared

Object = dict[str, Any]
Change = Callable[[Object], None]
"""Changes an object in place; does nothing where it does not apply."""

_KEYS: Final = frozenset({"name", "reason", "owner", "match", "steps"})
_MATCH: Final = frozenset({"error_type", "event_type", "field"})
_DETAIL: Final = "$.detail"
_KINDS: Final = ("string", "integer", "number", "boolean", "money")
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of every object that a JSONPath (RFC 9535) finds in the record."""

    within: jsonpath.CompoundJSONPath | jsonpath.JSONPath
    change: Change


@dataclass(frozen=True, slots=True)
class RepairRule:
    """A rule. `match`: words that the quarantine row has in each column named; list numbers in `field` may be `[*]`."""

    name: str
    reason: str
    owner: str
    match: Mapping[str, tuple[str, ...]]
    steps: tuple[Step, ...]

    def matches(self, row: Mapping[str, Any]) -> bool:
        """True for a row of quarantine that the rule is for."""
        found = {**row, "field": re.sub(r"\[\d+\]", "[*]", row["field"] or "")}
        return all(row[column] in words or found[column] in words for column, words in self.match.items())

    def repair(self, record: Object) -> None:
        """Change a record, step by step, in place."""
        for step in self.steps:
            for match in step.within.finditer(record):
                if isinstance(match.obj, dict):
                    step.change(match.obj)


def load_repair_rule(path: Path) -> RepairRule:
    """Read a rule.

    Raises:
        ContractError: for the first mistake, naming file and line.
        UsageError: when there is no such file.
    """
    node = load_declared(path, "a repair rule", keys=_KEYS, demanded=sorted(_KEYS))
    match, steps = node["match"], node["steps"]
    if not isinstance(match, Located) or not isinstance(steps, list):
        raise node.error("'match' is a mapping of columns, and 'steps' a list of changes")
    match.refuse_unknown(_MATCH, "column")
    return RepairRule(
        name=str(node["name"]),
        reason=" ".join(str(node["reason"]).split()),
        owner=str(node["owner"]),
        match={column: _words(value) for column, value in match.items()},
        steps=tuple(_step(each, node) for each in steps),
    )


def _words(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _step(node: Any, rule: Located) -> Step:
    if not isinstance(node, Located):
        raise rule.error("a step is a mapping such as {cast: quantity, to: integer}", "steps")
    kind = next((each for each in _CHANGES if each in node), None)
    if kind is None:
        raise node.error(f"a step is one of: {', '.join(_CHANGES)}")
    make, words = _CHANGES[kind]
    node.refuse_unknown(frozenset({kind, "in", *words}), "key")
    for word in words:
        if word not in node:
            raise node.error(f"{kind!r} needs {word!r}", kind)
    return Step(_path(node), make(node, str(node[kind])))


def _path(node: Located) -> jsonpath.CompoundJSONPath | jsonpath.JSONPath:
    try:
        return jsonpath.compile(str(node.get("in", _DETAIL)), strict=True)
    except jsonpath.JSONPathError as e:
        raise node.error(f"'in' is no JSONPath: {str(e).partition(chr(10))[0]}", "in") from e


def _replacing(node: Located, field: str) -> Change:
    try:
        pattern = re.compile(str(node["what"]))
    except re.error as e:
        raise node.error(f"'what' is no regular expression: {e}", "what") from e
    return partial(_replace, field=field, pattern=pattern, by=str(node["by"]))


def _replace(found: Object, *, field: str, pattern: re.Pattern[str], by: str) -> None:
    if isinstance(found.get(field), str):
        found[field] = pattern.sub(by, found[field])


def _casting(node: Located, field: str) -> Change:
    if node["to"] not in _KINDS:
        raise node.error(f"cast to {node['to']!r} is not supported; use one of: {', '.join(_KINDS)}", "to")
    return partial(_cast, field=field, kind=str(node["to"]))


def _cast(found: Object, *, field: str, kind: str) -> None:
    if isinstance(found.get(field), str | int | Decimal):
        found[field] = cast(found[field], kind)


def cast(value: str | int | Decimal, kind: str) -> Any:
    """The value as another kind, where it can be one without losing anything; itself where it cannot."""
    text = str(value).strip().lower() if isinstance(value, bool) else str(value).strip()
    if kind == "string":
        return text
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return value
    if isinstance(value, bool) or not number.is_finite():
        return value
    if kind == "integer":
        return int(number) if number == number.to_integral_value() else value
    return format(number, "f") if kind == "money" else number


def _setting(node: Located, field: str) -> Change:
    value = node["value"]
    return lambda found: found.__setitem__(field, value)


def _removing(_: Located, field: str) -> Change:
    return lambda found: found.pop(field, None)


def _renaming(node: Located, field: str) -> Change:
    return partial(_rename, field=field, to=str(node["to"]))


def _rename(found: Object, *, field: str, to: str) -> None:
    if field in found and to not in found:
        found[to] = found.pop(field)


_CHANGES: Final[Mapping[str, tuple[Callable[[Located, str], Change], tuple[str, ...]]]] = {
    "replace": (_replacing, ("what", "by")),
    "cast": (_casting, ("to",)),
    "set": (_setting, ("value",)),
    "remove": (_removing, ()),
    "rename": (_renaming, ("to",)),
}
"""What a step may do, by its key, and the keys that it needs besides."""
