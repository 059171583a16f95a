"""What a mapping puts into each contract field, as declared. Whether its expressions are SQL is seen where they are run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from contracts._located import Located
from contracts.fields import Field, Kind
from contracts.structs import value_type

_VALUE_KEYS: Final = frozenset({"column", "sql", "constant", "lookup", "format", "fields", "each"})
_SOURCES: Final = ("column", "sql", "constant", "fields")


@dataclass(frozen=True, slots=True)
class Expression:
    """A value made from a file's columns. `column` is set where the mapping names one outside SQL."""

    place: str
    sql: str
    column: str | None = None
    lookup: tuple[tuple[str, str | None], ...] = ()
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same in every event, as JSON text."""

    json: str


@dataclass(frozen=True, slots=True)
class Members:
    """An object, or an array of objects: one for each item of the list `each`, or without it for each row of the group."""

    targets: Targets
    each: Expression | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A contract field and what goes into it."""

    field: Field
    value: Expression | Constant | Members


Targets: TypeAlias = tuple[Target, ...]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about `name`: what is most like it, and all there is."""
    names = {each.lower(): each for each in known}
    close = [names[each] for each in difflib.get_close_matches(name.lower(), names, n=3)]
    guess = f"; did you mean {' or '.join(close)}?" if close else "."
    return f"{guess} There are: {', '.join(names.values())}"


def identifier(name: str) -> str:
    """The name as SQL writes it, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def parse_targets(node: Any, fields: tuple[Field, ...], what: str, parent: Located) -> Targets:
    """The targets of one object, in the order of the contract.

    Args:
        node: the `fields` of the mapping.
        fields: the fields that the contract has there.
        what: the object's name in messages, such as `sale_completed v1`.
        parent: the mapping that holds `node`, for its line.

    Raises:
        ContractError: naming file and line.
    """
    if not isinstance(node, Located):
        raise parent.error("'fields' is a mapping of contract fields to values", "fields")
    known = {f.name: f for f in fields}
    for name in node:
        if name not in known:
            raise node.error(f"{what} has no field {name!r}{nearest(name, known)}", name)
    for field in fields:
        if field.required and field.name not in node:
            raise node.error(f"{what} demands {field.name!r}; map it, or give it a constant")
    return tuple(Target(f, _value(node[f.name], f, node, what)) for f in fields if f.name in node)


def _value(node: Any, field: Field, parent: Located, what: str) -> Expression | Constant | Members:
    if not isinstance(node, Located):
        return expression(node, parent, field.name)
    node.refuse_unknown(_VALUE_KEYS, "key")
    given = [key for key in _SOURCES if key in node]
    if len(given) != 1:
        raise parent.error(f"{field.name} needs exactly one of: {', '.join(_SOURCES)}", field.name)
    match given[0]:
        case "constant":
            return _constant(node, field)
        case "fields":
            return _members(node, field, what)
        case _:
            return expression(node, parent, field.name)


def expression(node: Any, parent: Located, key: str) -> Expression:
    """The expression under `key` of `parent`: SQL, or a mapping with `column` or `sql`."""
    place = f"{parent.path}:{parent.lines[key]}: {key}"
    if isinstance(node, Located):
        if ("column" in node) == ("sql" in node):
            raise parent.error(f"{key} needs column or sql", key)
        column = str(node["column"]) if "column" in node else None
        sql = identifier(column) if column is not None else _text_of(node["sql"], node, "sql")
        return Expression(place, sql, column, _lookup(node), node.get("format"))
    return Expression(place, _text_of(node, parent, key))


def _text_of(text: Any, node: Located, key: str) -> str:
    if not isinstance(text, str):
        raise node.error(
            f"{key} is an SQL expression; write {{constant: {text}}} for a fixed value, and quote words such as no or on",
            key,
        )
    return text


def _lookup(node: Located) -> tuple[tuple[str, str | None], ...]:
    table = node.get("lookup", {})
    if not isinstance(table, dict):
        raise node.error("'lookup' is a mapping of values in the file to values in the event", "lookup")
    return tuple((key, _text(value)) for key, value in table.items())


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _constant(node: Located, field: Field) -> Constant:
    value = node["constant"]
    if field.kind in {Kind.STRING, Kind.MONEY, Kind.RATE} and type(value) is int:
        value = str(value)
    try:
        msgspec.convert(value, value_type(field, strict=True))
    except msgspec.ValidationError as e:
        raise node.error(f"constant {value!r} does not fit {field.name}: {e}", "constant") from e
    return Constant(msgspec.json.encode(value).decode())


def _members(node: Located, field: Field, what: str) -> Members:
    inner = field.element if field.kind is Kind.ARRAY else field
    if inner is None or inner.kind is not Kind.OBJECT:
        raise node.error(
            f"{field.name} of {what} has no fields of its own; give it column, sql or constant", "fields"
        )
    targets = parse_targets(node["fields"], inner.members, f"{field.name} of {what}", node)
    if "each" not in node:
        return Members(targets)
    if field.kind is not Kind.ARRAY:
        raise node.error(f"{field.name} of {what} is no list, so it has no 'each'", "each")
    inner_lists = [
        t.field.name for t in targets if isinstance(t.value, Members) and t.field.kind is Kind.ARRAY
    ]
    if inner_lists:
        raise node.error(
            f"{inner_lists[0]} of {field.name} is a list within an 'each'; give it as sql", "each"
        )
    return Members(targets, expression(node["each"], node, "each"))


def expressions(targets: Targets) -> Iterator[Expression]:
    """Every expression in the targets, those of members included."""
    for target in targets:
        match target.value:
            case Expression() as value:
                yield value
            case Members(targets=inner, each=each):
                yield from (each,) if each else ()
                yield from expressions(inner)
