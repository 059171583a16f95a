"""SHOW and DESCRIBE, from Glue, as Athena prints them.

Source: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html and the pages of each statement there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from local_athena.catalogue import Table, is_iceberg, is_view
from local_athena.engine import CATALOG
from local_athena.errors import QueryFailedError, unsupported_query
from local_athena.iceberg import read_properties
from local_athena.queries import Execution
from local_athena.reader import Reader, pattern, quoted
from local_athena.services import Services, table_of
from local_athena.values import varchar

_WIDTH: Final = 20
_SECURITY: Final = " SECURITY DEFINER AS"  # Trino's, not Athena's
Shown = Callable[[Services, Execution, Reader], None]


def show(services: Services, execution: Execution, reader: Reader) -> None:
    """SHOW …; what Athena does not list as its own is refused."""
    for words, shown in _SHOWN:
        if reader.takes(*words):
            execution.is_a("UTILITY", "SHOW_" + "_".join(words[-2:]).upper())
            shown(services, execution, reader)
            if not reader.ended:
                raise QueryFailedError(f"FAILED: ParseException: extraneous input {reader.rest[:40]!r}")
            return
    raise unsupported_query()


def _pattern(reader: Reader) -> str | None:
    reader.takes("like")
    return reader.string()


def _databases(services: Services, execution: Execution, reader: Reader) -> None:
    wanted = pattern(_pattern(reader) or "*")
    names = [name for name in services.catalogue.databases() if wanted.fullmatch(name)]
    execution.gives(varchar("database_name"), [[name] for name in names])


def _tables(services: Services, execution: Execution, reader: Reader) -> None:
    _relations(services, execution, reader, lambda _: True)


def _views(services: Services, execution: Execution, reader: Reader) -> None:
    _relations(services, execution, reader, is_view)


def _relations(
    services: Services, execution: Execution, reader: Reader, kept: Callable[[Table], bool]
) -> None:
    named = reader.takes("in") or reader.takes("from")
    database = reader.hive_name()[-1] if named else execution.database
    wanted = pattern(_pattern(reader) or "*")
    tables = services.catalogue.tables(database)
    names = sorted(t["Name"] for t in tables if kept(t) and wanted.fullmatch(t["Name"]))
    execution.gives(varchar("tab_name"), [[name] for name in names])


def _partitions(services: Services, execution: Execution, reader: Reader) -> None:
    database, name = table_of(reader.hive_name(), execution)
    table = services.catalogue.table(database, name)
    if is_iceberg(table):
        raise QueryFailedError(
            "FAILED: SemanticException: SHOW PARTITIONS is not supported for table type ICEBERG"
        )
    keys = [key["Name"] for key in table.get("PartitionKeys", [])]
    if not keys:
        raise QueryFailedError(f"FAILED: Execution Error: Table {name} is not a partitioned table")
    values = services.catalogue.partitions(database, name)
    paths = ["/".join(f"{k}={v}" for k, v in zip(keys, found, strict=True)) for found in values]
    execution.gives(varchar("partition"), [[path] for path in sorted(paths)])


def _columns(services: Services, execution: Execution, reader: Reader) -> None:
    if not (reader.takes("in") or reader.takes("from")):
        raise unsupported_query()
    parts = reader.hive_name()
    if reader.takes("in") or reader.takes("from"):
        parts = [*reader.hive_name(), *parts]
    table = services.catalogue.table(*table_of(parts, execution))
    execution.gives(varchar("field"), [[column["Name"].ljust(_WIDTH)] for column in _all_columns(table)])


def _all_columns(table: Table) -> list[dict[str, Any]]:
    return [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]


def _properties(services: Services, execution: Execution, reader: Reader) -> None:
    database, name = table_of(reader.hive_name(), execution)
    table = services.catalogue.table(database, name)
    found = {**table["Parameters"]}
    if is_iceberg(table):
        found = {"table_type": "iceberg"} | read_properties(services, database, name)
    asked = reader.group().strip("'\"")
    rows = [[f"{key}\t{value}"] for key, value in sorted(found.items()) if asked in ("", key)]
    execution.gives(varchar("prpt_name"), rows)


def _create_view(services: Services, execution: Execution, reader: Reader) -> None:
    table = quoted(CATALOG, *table_of(reader.name(), execution))
    found = services.run(execution, f"SHOW CREATE VIEW {table}").rows[0][0].replace(_SECURITY, " AS", 1)
    execution.gives(varchar("Create View"), [[line] for line in found.split("\n")])


def _create_table(services: Services, execution: Execution, reader: Reader) -> None:
    database, name = table_of(reader.hive_name(), execution)
    table = services.catalogue.table(database, name)
    if is_view(table):
        raise QueryFailedError(
            f"FAILED: SemanticException: {database}.{name} is a view; use SHOW CREATE VIEW"
        )
    lines = "\n".join(_definition(database, table)).split("\n")
    execution.gives(varchar("createtab_stmt"), [[line] for line in lines])


def _definition(database: str, table: Table) -> list[str]:
    storage, iceberg = table["StorageDescriptor"], is_iceberg(table)
    lines = [
        f"CREATE {'' if iceberg else 'EXTERNAL '}TABLE `{database}.{table['Name']}`(",
        _listed(storage["Columns"]) + ")",
    ]
    if table.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", _listed(table["PartitionKeys"]) + ")"]
    serde = storage.get("SerdeInfo", {})
    if serde.get("SerializationLibrary") and not iceberg:
        lines += ["ROW FORMAT SERDE ", f"  '{serde['SerializationLibrary']}' "]
    if serde.get("Parameters") and not iceberg:
        lines += ["WITH SERDEPROPERTIES ( ", _assigned(serde["Parameters"]) + ") "]
    if storage.get("InputFormat") and not iceberg:
        lines += [
            "STORED AS INPUTFORMAT ",
            f"  '{storage['InputFormat']}' ",
            "OUTPUTFORMAT ",
            f"  '{storage['OutputFormat']}'",
        ]
    lines += ["LOCATION", f"  '{storage['Location']}'", "TBLPROPERTIES ("]
    return [*lines, _assigned(table["Parameters"]) + ")"]


def _listed(columns: list[dict[str, Any]]) -> str:
    return ", \n".join(f"  `{column['Name']}` {column['Type']}" for column in columns)


def _assigned(pairs: dict[str, str]) -> str:
    return ", \n".join(f"  '{key}'='{value}'" for key, value in pairs.items())


def describe(services: Services, execution: Execution, reader: Reader) -> None:
    """DESCRIBE [EXTENDED | FORMATTED] table; the details of the latter two are left out."""
    execution.is_a("UTILITY", "DESCRIBE_TABLE")
    if any(reader.sees(word) for word in ("input", "output", "database", "schema")):
        raise unsupported_query()
    if not reader.takes("extended"):
        reader.takes("formatted")
    parts = reader.hive_name()
    if not reader.ended:
        raise QueryFailedError("NOT_SUPPORTED: local_athena describes whole tables only")
    table = services.catalogue.table(*table_of(parts, execution))
    rows = [_described(column) for column in _all_columns(table)]
    if table.get("PartitionKeys"):
        rows += [[""] * 3, ["# Partition Information", "", ""]]
        rows += [[cell.ljust(_WIDTH) for cell in ("# col_name", "data_type", "comment")], [""] * 3]
        rows += [_described(column) for column in table["PartitionKeys"]]
    execution.gives(varchar("col_name", "data_type", "comment"), rows)


def _described(column: dict[str, Any]) -> list[str]:
    return [cell.ljust(_WIDTH) for cell in (column["Name"], column["Type"], column.get("Comment") or "")]


_SHOWN: Final[tuple[tuple[tuple[str, ...], Shown], ...]] = (
    (("databases",), _databases),
    (("schemas",), _databases),
    (("tables",), _tables),
    (("views",), _views),
    (("partitions",), _partitions),
    (("columns",), _columns),
    (("tblproperties",), _properties),
    (("create", "table"), _create_table),
    (("create", "view"), _create_view),
)
