"""SQL that makes events from rows by a mapping, in DuckDB's dialect."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import duckdb

from contracts.errors import MappingError
from contracts.fields import Kind
from contracts.mapping import Section
from contracts.targets import Constant, Expression, Members, Target, Targets, identifier

DROP: Final = "_drop"
"""The table that holds the rows, with the row's number as `_row`."""

Bind: TypeAlias = Callable[[Expression, bool], str]
"""Gives the SQL type of an expression; the flag says whether it is of the group, not of the row."""

_OF_NAMES: Final = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""Errors whose quoted words are names in the mapping or in the file's header."""
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*\"""")

_TIME: Final = "'%Y-%m-%dT%H:%M:%S.%fZ'"


@dataclass(slots=True)
class _Values:
    """The expressions of a section under short names: `_m…` of the row, `_v…` of the event."""

    bind: Bind
    grouped: bool
    row: list[str] = field(default_factory=list)
    event: list[str] = field(default_factory=list)

    def name(self, value: Expression, *, of_row: bool) -> tuple[str, str]:
        """Add an expression; its short name and its SQL type."""
        home, letter = (self.row, "m") if of_row else (self.event, "v")
        name = f"_{letter}{len(home)}"
        home.append(f"({_prepared(value)}\n) AS {name}")
        sql_type = self.bind(value, self.grouped and not of_row)
        return name, "VARCHAR" if value.lookup or value.format else sql_type

    def list_of(self, each: Expression) -> str:
        """SQL for the list that `each` gives; a JSON value that is no array gives none."""
        sql_type = self.bind(each, self.grouped)
        if sql_type == "JSON":
            return f"TRY_CAST(({each.sql}\n) AS JSON[])"
        if not sql_type.endswith("[]"):
            raise MappingError(f"{each.place}: a list is expected here, and this is {sql_type}.")
        return f"({each.sql}\n)"

    def item_type(self, items: str, value: Expression) -> str:
        """SQL type of an expression over the items of a list."""
        if value.lookup or value.format:
            return "VARCHAR"
        inside = Expression(value.place, f"list_transform({items}, lambda item, _line: ({value.sql}\n))")
        return self.bind(inside, self.grouped).removesuffix("[]")

    def keep(self, sql: str) -> str:
        """Add ready SQL of the event; its short name."""
        name = f"_v{len(self.event)}"
        self.event.append(f"{sql} AS {name}")
        return name


def events_query(section: Section, bind: Bind, *, buckets: int, bucket: int) -> str:
    """A query with one row an event: event_id, occurred_at and data, each as JSON text or null, and the number of its (first) row.

    Args:
        section: what to make.
        bind: gives the SQL type of an expression over the drop.
        buckets: groups are parted into so many buckets by the hash of their keys, to bound what one query holds.
        bucket: the bucket to make, from 0.
    """
    values = _Values(bind, bool(section.group_by))
    at, at_type = values.name(section.occurred_at, of_row=False)
    occurred_at = json_of(Kind.DATE_TIME, at, at_type)
    data = f"'{{' || {_members(section.targets, values, of_row=False)} || '}}'"
    event_id = _event_id(section, occurred_at, data)
    keys = ", ".join(identifier(name) for name in section.group_by)
    ids = "".join(f", ({part.sql}\n) AS _k{i}" for i, part in enumerate(section.id))
    return "\n".join(
        [
            f"WITH _rows AS (SELECT *, {_line(section)} AS _line FROM {DROP} WHERE {_taken(section, buckets, bucket)}),",
            f"_numbered AS (SELECT {', '.join(['*', *values.row])} FROM _rows),",
            f"_events AS (SELECT {', '.join(values.event)}{ids}, {'min(_row)' if keys else '_row'} AS _row FROM _numbered {f'GROUP BY {keys}' if keys else ''})",
            f"SELECT {event_id}, {occurred_at}, {data}, _row FROM _events",
        ]
    )


def _line(section: Section) -> str:
    """The row's place in its group, from 1."""
    if not section.group_by:
        return "1"
    keys = ", ".join(identifier(name) for name in section.group_by)
    order = ", ".join(identifier(name) for name in (*section.order_by, "_row"))
    return f"row_number() OVER (PARTITION BY {keys} ORDER BY {order})"


def _taken(section: Section, buckets: int, bucket: int) -> str:
    conditions = [taken_rows(section)]
    if section.group_by and buckets > 1:
        keys = ", ".join(identifier(name) for name in section.group_by)
        conditions.append(f"hash({keys}) % {buckets} = {bucket}")
    return " AND ".join(conditions)


def taken_rows(section: Section) -> str:
    """The condition for the rows that the section takes."""
    return f"({section.where.sql}\n)" if section.where else "true"


def _event_id(section: Section, occurred_at: str, data: str) -> str:
    """128 bits of a hash of source, event type and the id columns; null where one of those is null."""
    parts = [f"_k{i}::VARCHAR" for i in range(len(section.id))] or [occurred_at, data]
    known = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    hashed = ", ".join([literal(section.source), literal(section.event_type), *parts])
    return f"CASE WHEN {known} THEN to_json(sha256(json_array({hashed})::VARCHAR)[:32])::VARCHAR END"


def _members(targets: Targets, values: _Values, *, of_row: bool) -> str:
    """The members of an object, joined by commas; those that are null are left out."""
    fragments = [_member(target, values, of_row=of_row) for target in targets]
    return f"concat_ws(',', {', '.join(fragments)})"


def _member(target: Target, values: _Values, *, of_row: bool) -> str:
    name = f'"{target.field.name}":'
    match target.value:
        case Constant(json=text):
            return literal(name + text)
        case Members(targets=targets, each=Expression() as each):
            return f"{literal(name)} || {_listed(each, targets, values)}"
        case Members(targets=targets) if target.field.kind is Kind.ARRAY:
            return f"{literal(name)} || {_array(targets, values)}"
        case Members(targets=targets):
            return (
                f"{literal(name)} || '{{' || nullif({_members(targets, values, of_row=of_row)}, '') || '}}'"
            )
        case Expression() as value:
            short, sql_type = values.name(value, of_row=of_row)
            return f"{literal(name)} || {json_of(target.field.kind, short, sql_type)}"


def _array(targets: Targets, values: _Values) -> str:
    """An array with an object for each row of the group."""
    element = f"'{{' || {_members(targets, values, of_row=True)} || '}}'"
    joined = f"string_agg({element}, ',' ORDER BY _line)" if values.grouped else element
    return f"'[' || {values.keep(joined)} || ']'"


def _listed(each: Expression, targets: Targets, values: _Values) -> str:
    """An array with an object for each item of a list."""
    items = values.list_of(each)
    element = f"'{{' || {_item_members(targets, items, values)} || '}}'"
    joined = f"array_to_string(list_transform({items}, lambda item, _line: {element}), ',')"
    return f"'[' || {values.keep(joined)} || ']'"


def _item_members(targets: Targets, items: str, values: _Values) -> str:
    return f"concat_ws(',', {', '.join(_item_member(target, items, values) for target in targets)})"


def _item_member(target: Target, items: str, values: _Values) -> str:
    name = f'"{target.field.name}":'
    match target.value:
        case Constant(json=text):
            return literal(name + text)
        case Members(targets=targets):
            return f"{literal(name)} || '{{' || nullif({_item_members(targets, items, values)}, '') || '}}'"
        case Expression() as value:
            sql = f"({_prepared(value)}\n)"
            return f"{literal(name)} || {json_of(target.field.kind, sql, values.item_type(items, value))}"


def json_of(kind: Kind, name: str, sql_type: str) -> str:
    """SQL for the JSON text of a value, null where it is null.

    What cannot be cast to the kind without loss becomes a string of the text it was.
    """
    if sql_type == "JSON" and kind not in {Kind.OBJECT, Kind.ARRAY}:
        name, sql_type = f"({name} ->> '$')", "VARCHAR"
    text = f"{name}::VARCHAR"
    match kind:
        case Kind.OBJECT | Kind.ARRAY:
            return f"to_json({name})::VARCHAR"
        case Kind.INTEGER:
            whole = f"TRY_CAST({name} AS BIGINT)"
            cast = f"CASE WHEN {whole} = TRY_CAST({name} AS DOUBLE) THEN {whole}::VARCHAR END"
        case Kind.NUMBER:
            number = f"TRY_CAST({name} AS DOUBLE)"
            cast = f"CASE WHEN isfinite({number}) THEN {number}::VARCHAR END"
        case Kind.BOOLEAN:
            cast = f"TRY_CAST({name} AS BOOLEAN)::VARCHAR"
        case _:
            return f"to_json({_text_of(kind, name, sql_type)})::VARCHAR"
    return f"coalesce({cast}, to_json({text})::VARCHAR)"


def _text_of(kind: Kind, name: str, sql_type: str) -> str:
    """The text of a value that JSON holds as a string."""
    text = f"{name}::VARCHAR"
    match kind:
        case Kind.DATE_TIME:
            at = f"TRY_CAST({name} AS TIMESTAMPTZ)"
            return f"coalesce(strftime({at} AT TIME ZONE 'UTC', {_TIME}), {text})"
        case Kind.DATE:
            return f"coalesce(TRY_CAST({name} AS DATE)::VARCHAR, {text})"
        case Kind.MONEY:
            return _decimal(name, sql_type, "DECIMAL(18, 4)")
        case Kind.RATE:
            return _decimal(name, sql_type, "DECIMAL(18, 10)")
        case _:
            return text


def _decimal(name: str, sql_type: str, decimal: str) -> str:
    """Decimals, whole numbers and text as they are; a float only where the decimal is exactly what it shows."""
    if sql_type not in {"DOUBLE", "FLOAT"}:
        return f"{name}::VARCHAR"
    exact = f"TRY_CAST({name} AS {decimal})"
    return f"CASE WHEN {exact}::{sql_type} = {name} THEN {exact}::VARCHAR ELSE {name}::VARCHAR END"


def _prepared(value: Expression) -> str:
    """The expression with its format and lookup applied."""
    sql = value.sql
    if value.format is not None:
        sql = f"coalesce(try_strptime(({sql}\n)::VARCHAR, {literal(value.format)})::VARCHAR, ({sql}\n)::VARCHAR)"
    if not value.lookup:
        return sql
    cases = " ".join(
        f"WHEN {literal(key)} THEN {literal(text) if text is not None else 'NULL'}"
        for key, text in value.lookup
    )
    return f"CASE ({sql}\n)::VARCHAR {cases} ELSE ({sql}\n)::VARCHAR END"


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def plain(error: duckdb.Error) -> str:
    """The first lines of DuckDB's message, without the SQL that we wrote, and without the values that it failed on.

    Those may be personal, and messages go where quarantine's original bytes do not.
    """
    if not isinstance(error, _OF_NAMES):
        return _QUOTED.sub("…", str(error).partition("\n")[0]).rstrip(". ")
    return " ".join(str(error).partition("\n\n")[0].split()).rstrip(". ")
