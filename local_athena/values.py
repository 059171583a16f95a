"""Values and types of results, as Athena prints them."""

from __future__ import annotations

import base64
import re
from typing import Any, Final, NamedTuple

# Precision and scale as GetQueryResults gives them; the rest has (0, 0)
_FIXED: Final = {
    "integer": 10, "bigint": 19, "smallint": 5, "tinyint": 3, "double": 17, "real": 17,
    "varchar": 2147483647, "timestamp": 3, "timestamp with time zone": 3,
}  # fmt: skip
_SECONDS: Final = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d+))?")
_RENAMED: Final = {"real": "float", "unknown": "varchar"}


class ResultColumn(NamedTuple):
    """A column of a result.

    Attributes:
        name: as the query names it
        kind: Trino's type, such as decimal(10,2)
        signature: Trino's typeSignature, with the types inside
    """

    name: str
    kind: str
    signature: dict[str, Any]


def varchar(*names: str) -> list[ResultColumn]:
    """Columns of text."""
    return [ResultColumn(name, "varchar", {"rawType": "varchar"}) for name in names]


def bigint(name: str) -> ResultColumn:
    """A column of counts."""
    return ResultColumn(name, "bigint", {"rawType": "bigint"})


def column_info(column: ResultColumn) -> dict[str, Any]:
    """The column's ColumnInfo."""
    kind, precision, scale = _described(column.kind)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind in ("varchar", "char", "string"),
    }


def _described(kind: str) -> tuple[str, int, int]:
    base = kind.partition("(")[0].strip()
    if base == "timestamp" and kind.endswith("with time zone"):
        base = "timestamp with time zone"
    numbers = [int(n) for n in re.findall(r"\d+", kind)] if base in ("decimal", "varchar", "char") else []
    precision, scale = [*numbers, 0, 0][:2] if numbers else [_FIXED.get(base, 0), 0]
    return _RENAMED.get(base, base), precision, scale


def text(value: Any, signature: dict[str, Any]) -> str | None:
    """A value of Trino's JSON as the text of a cell; None for null."""
    if value is None:
        return None
    match signature["rawType"]:
        case "boolean":
            return "true" if value else "false"
        case "varbinary":
            return base64.b64decode(value).hex(" ")
        case "array" | "map" | "row":
            return _nested(value, signature)
        case "timestamp" | "timestamp with time zone" | "time" | "time with time zone":
            return _SECONDS.sub(_to_milliseconds, str(value), count=1)
        case _:
            return str(value)


def _to_milliseconds(found: re.Match[str]) -> str:
    """Athena prints no time without its milliseconds; clients insist on them."""
    return f"{found[1]}.{(found[2] or '').ljust(3, '0')}"


def _nested(value: Any, signature: dict[str, Any]) -> str:
    inner = [argument["value"] for argument in signature["arguments"]]
    match signature["rawType"]:
        case "array":
            return "[" + ", ".join(_inside(v, inner[0]) for v in value) + "]"
        case "map":
            return "{" + ", ".join(f"{k}={_inside(v, inner[1])}" for k, v in value.items()) + "}"
        case _:
            fields = enumerate(zip(value, inner, strict=True))
            cells = (f"{_field_name(f, i)}={_inside(v, f['typeSignature'])}" for i, (v, f) in fields)
            return "{" + ", ".join(cells) + "}"


def _inside(value: Any, signature: dict[str, Any]) -> str:
    found = text(value, signature)
    return "null" if found is None else found


def _field_name(field: dict[str, Any], number: int) -> str:
    return (field.get("fieldName") or {}).get("name") or f"field{number}"


def csv_line(cells: list[str | None]) -> str:
    """A line of a SELECT's result file: every cell is quoted, null is nothing at all."""
    return ",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def text_line(cells: list[str | None]) -> str:
    """A line of a DDL statement's result file."""
    return "\t".join(cell or "" for cell in cells) + "\n"
