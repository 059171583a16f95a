"""Types: Hive's names, which Glue keeps and DDL uses, and Trino's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.expressions import DataType

from local_athena.errors import QueryFailedError
from local_athena.reader import Reader, split, unquoted

Column = dict[str, Any]

# https://docs.aws.amazon.com/athena/latest/ug/data-types.html: the types of DDL
_IN_DDL = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "integer",
        "bigint",
        "float",
        "double",
        "decimal",
        "char",
        "varchar",
        "string",
        "binary",
        "date",
        "timestamp",
        "array",
        "map",
        "struct",
    ]
)
_WITH_ARGUMENTS = frozenset(["array", "map", "struct", "decimal", "char", "varchar"])
# https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-supported-data-types.html
_NOT_IN_ICEBERG = frozenset(["tinyint", "smallint", "char"])
_KINDS = DataType.Type
_WITHOUT_HIVE_TYPE = frozenset([
    _KINDS.TIMESTAMPTZ, _KINDS.TIME, _KINDS.TIMETZ, _KINDS.UUID, _KINDS.JSON, _KINDS.IPADDRESS,
    _KINDS.GEOMETRY, _KINDS.HLLSKETCH, _KINDS.TDIGEST,
])  # fmt: skip


def columns(text: str) -> list[Column]:
    """A column list of DDL as Glue keeps it: Name, Type and, where given, Comment.

    Raises:
        QueryFailedError: a type that DDL does not have
    """
    return [_column(part) for part in split(text)]


def _column(text: str) -> Column:
    reader = Reader(text)
    name = reader.hive_name()[-1]
    reader.takes(":")
    kind, comment = reader.rest, None
    if reader.skip_to("comment"):
        kind = kind[: len(kind) - len(reader.rest)]
        reader.takes("comment")
        comment = reader.string()
    column: Column = {"Name": name, "Type": checked(kind)}
    return column if comment is None else {**column, "Comment": comment}


def checked(kind: str) -> str:
    """A type of DDL in Glue's form: lower case, no spaces."""
    plain = "".join(kind.lower().split())
    wrong = [word for word in _type_words(Reader(plain)) if word not in _IN_DDL] if plain else []
    if not plain or wrong:
        raise QueryFailedError(
            f"FAILED: ParseException: cannot recognize input near {kind.strip()!r} in column type"
        )
    return plain


def _type_words(reader: Reader) -> Iterator[str]:
    """The names of types in a type, not the names of a struct's fields."""
    kind = reader.name()[-1]
    yield kind
    inner = reader.group()
    for part in split(inner) if kind in ("array", "map", "struct") else []:
        field = Reader(part)
        if kind == "struct":
            field.name()
            field.takes(":")
        yield from _type_words(field)
    if inner and kind not in _WITH_ARGUMENTS:
        yield inner
    if not reader.ended:
        yield reader.rest


def of_iceberg(column: Column) -> str:
    """A column of DDL as Trino's Iceberg connector wants it: `"name" type`.

    Raises:
        QueryFailedError: Athena's Iceberg tables do not have the type
    """
    kind = column["Type"]
    if _NOT_IN_ICEBERG & set(_type_words(Reader(kind))):
        raise QueryFailedError(f"NOT_SUPPORTED: Type not supported for Iceberg: {kind}")
    comment = " COMMENT '" + column["Comment"].replace("'", "''") + "'" if column.get("Comment") else ""
    return f'"{column["Name"]}" {to_trino(kind)}{comment}'


def to_trino(kind: str) -> str:
    """Hive's type as Trino's; timestamps have the six digits that Iceberg has."""
    text: str = DataType.build(kind, dialect="hive").sql("trino")
    return text.replace("TIMESTAMP", "TIMESTAMP(6)")


def to_hive(kind: str) -> str | None:
    """Trino's type as Glue's, or None where Hive has no such type."""
    try:
        parsed = DataType.build(kind, dialect="trino", udt=False)
    except ParseError:
        return None
    if not isinstance(parsed.this, _KINDS) or any(not _has_hive_type(n) for n in parsed.find_all(DataType)):
        return None
    text: str = parsed.sql("hive")
    return text.lower().replace(", ", ",").replace(": ", ":").replace("`", "")


def _has_hive_type(node: exp.Expression) -> bool:
    return isinstance(node.this, _KINDS) and node.this not in _WITHOUT_HIVE_TYPE


def partition_values(text: str) -> dict[str, str]:
    """A partition's `name = value` list, without quotes."""
    pairs = (part.partition("=") for part in split(text))
    return {unquoted(name).lower(): unquoted(value) for name, _, value in pairs}
