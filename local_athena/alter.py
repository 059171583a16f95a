"""ALTER TABLE: of Hive tables in Glue, of Iceberg tables by Trino; and of databases.

Source: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html and unsupported-ddl.html; for Iceberg,
querying-iceberg-evolving-table-schema.html and querying-iceberg-additional-operations.html.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_athena import types
from local_athena.catalogue import Table, is_iceberg, is_view
from local_athena.engine import ICEBERG
from local_athena.errors import QueryFailedError, unsupported_query
from local_athena.iceberg import OWN_PROPERTIES, check_properties, extra, listed
from local_athena.queries import Execution
from local_athena.reader import Reader, plain_properties, quoted
from local_athena.services import Services, table_of
from local_athena.storage import folder


@dataclass(frozen=True)
class _Altered:
    services: Services
    execution: Execution
    database: str
    table: Table

    @property
    def iceberg(self) -> bool:
        return is_iceberg(self.table)

    @property
    def name(self) -> str:
        return str(self.table["Name"])

    def on_trino(self, clause: str) -> None:
        self.services.run(self.execution, f"ALTER TABLE {quoted(ICEBERG, self.database, self.name)} {clause}")

    def in_glue(self, **changes: object) -> None:
        self.services.catalogue.update(self.database, self.table, **changes)

    def with_columns(self, columns: list[types.Column]) -> None:
        self.in_glue(StorageDescriptor={**self.table["StorageDescriptor"], "Columns": columns})

    def check_kind(self, what: str, *, iceberg: bool) -> None:
        """Refuse what only the other kind of table has."""
        if self.iceberg != iceberg:
            kind = "ICEBERG" if self.iceberg else "HIVE"
            raise QueryFailedError(
                f"FAILED: SemanticException: {what} is not supported for table type {kind}"
            )


def alter_table(services: Services, execution: Execution, reader: Reader) -> None:
    """ALTER TABLE."""
    execution.is_a("DDL", "ALTER_TABLE")
    database, name = table_of(reader.hive_name(), execution)
    altered = _Altered(services, execution, database, services.catalogue.table(database, name))
    if is_view(altered.table):
        raise QueryFailedError(f"FAILED: SemanticException: {database}.{name} is a view")
    for words, clause in _CLAUSES:
        if reader.takes(*words):
            clause(altered, reader)
            return
    raise unsupported_query()


def _set_properties(altered: _Altered, reader: Reader) -> None:
    found = plain_properties(reader.group())
    if not altered.iceberg:
        altered.in_glue(Parameters={**altered.table["Parameters"], **found})
        return
    check_properties(set(found) - OWN_PROPERTIES - {"format"})
    if "format" in found:
        altered.on_trino(f"SET PROPERTIES format = '{found['format'].upper()}'")
    if own := extra(found):
        altered.on_trino(f"SET PROPERTIES {listed(own)}")


def _set_location(altered: _Altered, reader: Reader) -> None:
    altered.check_kind("ALTER TABLE SET LOCATION", iceberg=False)
    altered.in_glue(StorageDescriptor={**altered.table["StorageDescriptor"], "Location": reader.string()})


def _add_columns(altered: _Altered, reader: Reader) -> None:
    added = types.columns(reader.group())
    if not added:
        raise unsupported_query()
    if not altered.iceberg:
        altered.with_columns([*altered.table["StorageDescriptor"]["Columns"], *added])
    for column in added if altered.iceberg else []:
        altered.on_trino(f"ADD COLUMN {types.of_iceberg(column)}")


def _replace_columns(altered: _Altered, reader: Reader) -> None:
    altered.check_kind("ALTER TABLE REPLACE COLUMNS", iceberg=False)
    altered.with_columns(types.columns(reader.group()))


def _drop_column(altered: _Altered, reader: Reader) -> None:
    altered.check_kind("ALTER TABLE DROP COLUMN", iceberg=True)
    altered.on_trino(f"DROP COLUMN {quoted(*reader.hive_name())}")


def _change_column(altered: _Altered, reader: Reader) -> None:
    """CHANGE [COLUMN] old new type [FIRST|AFTER name]."""
    reader.takes("column")
    before, after = reader.hive_name()[-1], reader.hive_name()[-1]
    place = _place(altered, reader)
    kind = reader.rest[: len(reader.rest) - len(place)] if place else reader.rest
    column = types.columns(f"`{after}` {kind}")[0]
    if not altered.iceberg:
        found = altered.table["StorageDescriptor"]["Columns"]
        altered.with_columns([column if c["Name"] == before else c for c in found])
        return
    if before != after:
        altered.on_trino(f"RENAME COLUMN {quoted(before)} TO {quoted(after)}")
    _retype(altered, before, column)


def _place(altered: _Altered, reader: Reader) -> str:
    """Trino's Iceberg connector cannot move a column that is there."""
    words = reader.rest.split()
    moved = "first" in words[-1:] or "after" in [word.lower() for word in words[-2:-1]]
    if moved and altered.iceberg:
        raise QueryFailedError("NOT_SUPPORTED: local_athena does not change the order of columns")
    return " ".join(words[-2:]) if moved else ""


def _retype(altered: _Altered, before: str, column: types.Column) -> None:
    held = next((c for c in altered.table["StorageDescriptor"]["Columns"] if c["Name"] == before), None)
    if held and held["Type"] != column["Type"]:
        altered.on_trino(
            f"ALTER COLUMN {quoted(column['Name'])} SET DATA TYPE {types.to_trino(column['Type'])}"
        )
    if column.get("Comment"):
        text = column["Comment"].replace("'", "''")
        named = quoted(ICEBERG, altered.database, altered.name, column["Name"])
        altered.services.run(altered.execution, f"COMMENT ON COLUMN {named} IS '{text}'")


def _rename(altered: _Altered, reader: Reader) -> None:
    altered.check_kind("ALTER TABLE RENAME TO", iceberg=True)
    altered.on_trino(
        f"RENAME TO {quoted(ICEBERG, *table_of(_same_database(altered, reader.hive_name()), altered.execution))}"
    )


def _same_database(altered: _Altered, parts: list[str]) -> list[str]:
    return parts if len(parts) > 1 else [altered.database, *parts]


def _add_partition(altered: _Altered, reader: Reader, *, missing_only: bool = False) -> None:
    _check_partition(altered, reader, "ADD")
    while reader.takes("partition"):
        values = _values(altered, reader.group())
        keys = [key["Name"] for key in altered.table["PartitionKeys"]]
        location = reader.string() if reader.takes("location") else None
        path = "/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        altered.services.catalogue.add_partition(
            altered.database,
            altered.table,
            values,
            location or folder(altered.table["StorageDescriptor"]["Location"]) + folder(path),
            missing_only=missing_only,
        )
        reader.takes(",")


def _add_missing_partition(altered: _Altered, reader: Reader) -> None:
    _add_partition(altered, reader, missing_only=True)


def _drop_partition(altered: _Altered, reader: Reader, *, missing_ok: bool = False) -> None:
    _check_partition(altered, reader, "DROP")
    while reader.takes("partition"):
        values = _values(altered, reader.group())
        altered.services.catalogue.drop_partition(
            altered.database, altered.name, values, missing_ok=missing_ok
        )
        reader.takes(",")


def _drop_partition_if_there(altered: _Altered, reader: Reader) -> None:
    _drop_partition(altered, reader, missing_ok=True)


def _change_partition(altered: _Altered, reader: Reader) -> None:
    """PARTITION (…) RENAME TO PARTITION (…), and PARTITION (…) SET LOCATION '…'."""
    altered.check_kind("ALTER TABLE PARTITION", iceberg=False)
    values = _values(altered, reader.group())
    if reader.takes("rename", "to", "partition"):
        changes: dict[str, object] = {"Values": _values(altered, reader.group())}
    elif reader.takes("set", "location"):
        changes = {"Location": reader.string()}
    else:
        raise unsupported_query()
    altered.services.catalogue.change_partition(altered.database, altered.name, values, **changes)


def _check_partition(altered: _Altered, reader: Reader, verb: str) -> None:
    if not reader.sees("partition"):
        raise unsupported_query()
    altered.check_kind(f"ALTER TABLE {verb} PARTITION", iceberg=False)


def _values(altered: _Altered, text: str) -> list[str]:
    given = types.partition_values(text)
    keys = [key["Name"] for key in altered.table.get("PartitionKeys", [])]
    if set(given) != set(keys):
        raise QueryFailedError(
            f"FAILED: SemanticException: partition spec {{{text}}} does not name the partition columns {keys}"
        )
    return [given[key] for key in keys]


def alter_database(services: Services, execution: Execution, reader: Reader) -> None:
    """ALTER DATABASE SET DBPROPERTIES."""
    execution.is_a("DDL", "ALTER_DATABASE")
    name = reader.hive_name()[-1]
    if not reader.takes("set", "dbproperties"):
        raise unsupported_query()
    services.catalogue.set_database_properties(name, plain_properties(reader.group()))


_CLAUSES = (
    (("set", "tblproperties"), _set_properties),
    (("set", "location"), _set_location),
    (("add", "columns"), _add_columns),
    (("replace", "columns"), _replace_columns),
    (("drop", "column"), _drop_column),
    (("change",), _change_column),
    (("rename", "to"), _rename),
    (("partition",), _change_partition),
    (("add", "if", "not", "exists"), _add_missing_partition),
    (("add",), _add_partition),
    (("drop", "if", "exists"), _drop_partition_if_there),
    (("drop",), _drop_partition),
)
