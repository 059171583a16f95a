"""Athena's view of the catalogue: data catalogs, databases and tables."""

from __future__ import annotations

from typing import Any, Final

from local_athena.catalogue import Catalogue, Table
from local_athena.errors import ApiError

_NAME: Final = "AwsDataCatalog"
DATA_CATALOG: Final = {
    "Name": _NAME,
    "Type": "GLUE",
    "Description": "",
    "Parameters": {"catalog-id": "123456789012"},
}
SUMMARY: Final = {"CatalogName": _NAME, "Type": "GLUE"}


def database(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """GetDatabase.

    Raises:
        ApiError: there is none
    """
    if name.lower() not in catalogue.databases():
        raise ApiError("MetadataException", f"EntityNotFoundException: Database {name} not found.")
    return {"Name": name.lower()}


def table(catalogue: Catalogue, database_name: str, name: str) -> dict[str, Any]:
    """GetTableMetadata.

    Raises:
        ApiError: there is none
    """
    found = catalogue.find(database_name.lower(), name.lower())
    if found is None:
        raise ApiError("MetadataException", f"EntityNotFoundException: Entity Not Found: {name}")
    return described(found)


def described(found: Table) -> dict[str, Any]:
    """A table of Glue as Athena gives it."""
    return {
        "Name": found["Name"],
        "CreateTime": found["CreateTime"].timestamp(),
        "TableType": found.get("TableType", "EXTERNAL_TABLE"),
        "Columns": _columns(found.get("StorageDescriptor", {}).get("Columns", [])),
        "PartitionKeys": _columns(found.get("PartitionKeys", [])),
        "Parameters": found.get("Parameters", {}),
    }


def _columns(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: c[key] for key in ("Name", "Type", "Comment") if c.get(key)} for c in found]
