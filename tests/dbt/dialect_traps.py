"""Where DuckDB and Trino, which Athena is, silently differ, or Athena refuses what DuckDB takes: found in SQL, by parsing it.

Each rule errs on the side of a complaint: what it cannot tell to be safe, it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

_WHOLE: Final = (
    exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT,
)  # fmt: skip
_ZONED: Final = (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMETZ, exp.DataType.Type.TIMESTAMPLTZ)
_WEEKDAYS: Final = frozenset({"dayofweek", "weekday", "dow", "week", "weekofyear", "yearweek"})
_NUMBERS: Final = ("_count", "_number", "_amount", "_units", "_quantity", "_rate", "_seconds", "_hours")
_BY_NAME: Final = {
    "max_by": "max_by", "arg_max": "max_by", "argmax": "max_by", "min_by": "max_by", "arg_min": "max_by",
    "argmin": "max_by", "regexp_extract": "no match", "split_part": "no match", "timezone": "time zone",
}  # fmt: skip


def traps_in(sql: str) -> list[str]:
    """Names of the traps in a statement of DuckDB's dialect, each once, in order."""
    found = set(_in_tokens(sql))
    for tree in sqlglot.parse(sql, dialect="duckdb"):
        for node in tree.walk() if tree else ():
            found.update(name for name, rule in RULES.items() if rule(node))
    return sorted(found)


def _in_tokens(sql: str) -> Iterator[str]:
    """What is no more to be seen once it is parsed: a cast by two colons, and a decimal that gets DuckDB's own precision."""
    tokens = sqlglot.tokenize(sql, dialect="duckdb")
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.token_type is TokenType.DCOLON:
            yield "::"
        if token.token_type is TokenType.DECIMAL and (
            following is None or following.token_type is not TokenType.L_PAREN
        ):
            yield "bare decimal"


def _is_double(node: Any) -> bool:
    """True where an expression is a double for certain: a cast to it is somewhere in its arithmetic."""
    if isinstance(node, exp.Cast):
        return bool(node.to.this is exp.DataType.Type.DOUBLE)
    if isinstance(node, (exp.Paren, exp.Nullif, exp.Neg)):
        return _is_double(node.this)
    if isinstance(node, (exp.Mul, exp.Add, exp.Sub, exp.Div)):
        return _is_double(node.left) or _is_double(node.right)
    return False


def _names(node: exp.Expression) -> str:
    return (
        (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if isinstance(node, exp.Func)
        else ""
    )


def _to(node: Any, *kinds: Any) -> bool:
    return isinstance(node, exp.Cast) and node.to.this in kinds


def _is_rounding_cast(node: Any) -> bool:
    return _to(node, *_WHOLE) and (_is_double(node.this) or isinstance(node.this.unnest(), exp.Div))


def _is_text_of_number_or_time(node: Any) -> bool:
    if not _to(node, exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR):
        return False
    inner = node.this.unnest()
    return _is_double(inner) or (isinstance(inner, exp.Column) and inner.name.endswith(("_at", "_rate")))


def _is_date_difference(node: Any) -> bool:
    """Days between dates are the same everywhere; anything else counts boundaries here and time gone by there."""
    if not isinstance(node, (exp.DateDiff, exp.TimestampDiff, exp.DatetimeDiff)):
        return False
    unit = str(node.args.get("unit") or "day").strip("'").lower()
    return unit != "day" or not all(_is_date(each) for each in (node.this, node.expression))


def _is_date(node: Any) -> bool:
    if isinstance(node, exp.Window):
        return _is_date(node.this)
    if isinstance(node, (exp.Min, exp.Max)):
        return _is_date(node.this)
    return (isinstance(node, exp.Column) and node.name.endswith("_date")) or _to(node, exp.DataType.Type.DATE)


def _is_weekday(node: Any) -> bool:
    if isinstance(node, exp.Extract):
        return node.name.lower() in {*_WEEKDAYS, "isodow", "epoch"}
    return _names(node) in _WEEKDAYS or isinstance(node, (exp.DayOfWeek, exp.Week, exp.WeekOfYear))


def _compares_text_with_number(node: Any) -> bool:
    if not isinstance(node, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)):
        return False
    pairs = ((node.left, node.right), (node.right, node.left))
    return any(_is_text(one) and _is_number(other) for one, other in pairs)


def _is_text(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _is_number(node: Any) -> bool:
    return (isinstance(node, exp.Literal) and not node.is_string) or (
        isinstance(node, exp.Column) and node.name.endswith(_NUMBERS)
    )


def _reuses_an_alias(node: Any) -> bool:
    """An alias of the select list that `where`, `group by` or `having` of the same select names."""
    if not isinstance(node, exp.Select):
        return False
    aliases = {
        each.alias
        for each in node.expressions
        if isinstance(each, exp.Alias)
        and not (isinstance(each.this, exp.Column) and each.this.name == each.alias)
    }
    clauses = (node.args.get(name) for name in ("where", "group", "having"))
    used = (column for clause in clauses if clause for column in clause.find_all(exp.Column))
    return any(not column.table and column.name in aliases for column in used)


def _is_zoned(node: Any) -> bool:
    return isinstance(node, exp.AtTimeZone) or _to(node, *_ZONED) or _BY_NAME.get(_names(node)) == "time zone"


RULES: Final[dict[str, Callable[[Any], bool]]] = {
    "division": lambda node: isinstance(node, exp.Div) and not _is_double(node),
    "average": lambda node: isinstance(node, exp.Avg) and not _is_double(node.this),
    "date difference": _is_date_difference,
    "day of week": _is_weekday,
    "rounding cast": _is_rounding_cast,
    "text of number or time": _is_text_of_number_or_time,
    "greatest": lambda node: isinstance(node, (exp.Greatest, exp.Least)),
    "no match": lambda node: isinstance(node, (exp.RegexpExtract, exp.SplitPart))
    or _BY_NAME.get(_names(node)) == "no match",
    "max_by": lambda node: isinstance(node, (exp.ArgMax, exp.ArgMin)) or _BY_NAME.get(_names(node)) == "max_by",
    "time zone": _is_zoned,
    "text against number": _compares_text_with_number,
    "reused alias": _reuses_an_alias,
    "ilike": lambda node: isinstance(node, exp.ILike),
    "distinct on": lambda node: isinstance(node, exp.Distinct) and node.args.get("on") is not None,
    "group by all": lambda node: isinstance(node, exp.Group) and bool(node.args.get("all")),
}  # fmt: skip
