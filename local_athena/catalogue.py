"""Databases, tables and partitions, in Glue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from local_athena.errors import QueryFailedError

Table = dict[str, Any]

# What UpdateTable takes of what GetTable gives
_INPUT: Final = (
    "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "ViewOriginalText",
    "ViewExpandedText", "TableType", "Parameters",
)  # fmt: skip
_EXECUTION: Final = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."


def is_iceberg(table: Table) -> bool:
    """The table is one of Iceberg."""
    return str(table.get("Parameters", {}).get("table_type", "")).upper() == "ICEBERG"


def is_view(table: Table) -> bool:
    """The table is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"


class Catalogue:
    """Glue's Data Catalog, with the errors that Athena makes of Glue's."""

    def __init__(self, glue: Any) -> None:
        self._glue = glue

    def databases(self) -> list[str]:
        """All databases, by name."""
        pages = self._glue.get_paginator("get_databases").paginate()
        return sorted(found["Name"] for page in pages for found in page["DatabaseList"])

    def create_database(self, name: str, settings: dict[str, Any], *, missing_only: bool) -> None:
        """Make a database; `missing_only` forgives that it is there."""
        with _forgiving("AlreadyExistsException", forgive=missing_only):
            self._glue.create_database(DatabaseInput={"Name": name, **settings})

    def drop_database(self, name: str, *, missing_ok: bool, cascade: bool) -> None:
        """Take a database away, with all tables where `cascade` is said."""
        if name in self.databases() and not cascade and self.tables(name):
            raise QueryFailedError(
                f"{_EXECUTION} InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
            )
        with _forgiving("EntityNotFoundException", forgive=missing_ok):
            self._glue.delete_database(Name=name)

    def set_database_properties(self, name: str, added: dict[str, str]) -> None:
        """Set properties of a database, and keep those it has."""
        with _forgiving():
            found = self._glue.get_database(Name=name)["Database"]
            kept = {key: found[key] for key in ("Name", "Description", "LocationUri") if key in found}
            parameters = {**found.get("Parameters", {}), **added}
            self._glue.update_database(Name=name, DatabaseInput={**kept, "Parameters": parameters})

    def tables(self, database: str) -> list[Table]:
        """All tables and views of a database."""
        with _forgiving():
            pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
            return [table for page in pages for table in page["TableList"]]

    def find(self, database: str, name: str) -> Table | None:
        """A table, or None where there is none."""
        try:
            table: Table = self._glue.get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError as e:
            if e.response["Error"]["Code"] != "EntityNotFoundException":
                raise
            return None
        return table

    def table(self, database: str, name: str) -> Table:
        """A table.

        Raises:
            QueryFailedError: there is none
        """
        found = self.find(database, name)
        if found is None:
            raise QueryFailedError(
                f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}"
            )
        return found

    def create_table(self, database: str, table: Table, *, missing_only: bool) -> None:
        """Make a table of what CreateTable takes."""
        with _forgiving("AlreadyExistsException", forgive=missing_only):
            self._glue.create_table(DatabaseName=database, TableInput=table)

    def update(self, database: str, table: Table, **changes: Any) -> None:
        """Write a table back as it was read, with changes."""
        kept = {key: table[key] for key in _INPUT if table.get(key) not in (None, "")}
        with _forgiving():
            self._glue.update_table(DatabaseName=database, TableInput={**kept, **changes}, SkipArchive=True)

    def drop_table(self, database: str, name: str) -> None:
        """Take a table out of the catalogue; its data stays."""
        with _forgiving():
            self._glue.delete_table(DatabaseName=database, Name=name)

    def partitions(self, database: str, name: str) -> list[list[str]]:
        """The values of all partitions."""
        pages = self._glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=name)
        return [found["Values"] for page in pages for found in page["Partitions"]]

    def add_partition(
        self, database: str, table: Table, values: list[str], location: str, *, missing_only: bool
    ) -> None:
        """Make a partition known."""
        storage = {**table["StorageDescriptor"], "Location": location}
        with _forgiving("AlreadyExistsException", forgive=missing_only):
            self._glue.create_partition(
                DatabaseName=database,
                TableName=table["Name"],
                PartitionInput={"Values": values, "StorageDescriptor": storage, "Parameters": {}},
            )

    def change_partition(self, database: str, name: str, values: list[str], **changes: Any) -> None:
        """Give a partition other values (`Values`) or another location (`Location`)."""
        named = {"DatabaseName": database, "TableName": name}
        with _forgiving():
            held = self._glue.get_partition(PartitionValues=values, **named)["Partition"]
            storage = held["StorageDescriptor"]
            storage = {**storage, "Location": changes.get("Location", storage["Location"])}
            self._glue.update_partition(
                PartitionValueList=values,
                PartitionInput={
                    "Values": changes.get("Values", values),
                    "StorageDescriptor": storage,
                    "Parameters": held.get("Parameters", {}),
                },
                **named,
            )

    def drop_partition(self, database: str, name: str, values: list[str], *, missing_ok: bool) -> None:
        """Take a partition out of the catalogue; its data stays."""
        with _forgiving("EntityNotFoundException", forgive=missing_ok):
            self._glue.delete_partition(DatabaseName=database, TableName=name, PartitionValues=values)


@contextmanager
def _forgiving(code: str = "", *, forgive: bool = False) -> Iterator[None]:
    try:
        yield
    except ClientError as e:
        found = e.response["Error"]
        if not (forgive and found["Code"] == code):
            raise QueryFailedError(f"{_EXECUTION} {found['Code']}(message:{found['Message']})") from e
