"""Iceberg's catalogue in AWS Glue, where Athena and Spark see the same tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.errors import UsageError
from contracts.layout import NAMESPACES
from lakehouse._aws import client
from lakehouse._s3 import IO_PROPERTIES

if TYPE_CHECKING:
    from pyiceberg.catalog.glue import GlueCatalog


@dataclass(frozen=True, slots=True)
class GlueService:
    """See `lakehouse.catalogue.Service`. A namespace's database is named `<prefix><namespace>`; `warehouse` is a URL."""

    prefix: str
    warehouse: str
    at_once: int = 8

    def connect(self) -> GlueCatalog:
        """The catalogue, its databases made when missing.

        Raises:
            UsageError: when a database of that name has its files elsewhere.
        """
        glue = client("glue")
        from pyiceberg.catalog.glue import GlueCatalog  # noqa: PLC0415 it loads boto3, of which `client` says what is missing

        catalog = GlueCatalog("lake", client=glue, warehouse=self.warehouse, **IO_PROPERTIES)
        for namespace in NAMESPACES:
            self._adopt(catalog, self.prefix + namespace, f"{self.warehouse}/{namespace}")
        return catalog

    def _adopt(self, catalog: GlueCatalog, database: str, location: str) -> None:
        if not catalog.namespace_exists(database):
            catalog.create_namespace_if_not_exists(database, {"location": location})
        there = catalog.load_namespace_properties(database).get("location", "")
        if there.rstrip("/") != location:
            raise UsageError(
                f"Glue's database {database} keeps its tables at {there or 'no place'}, and this lake's are at {location}. "
                "Set another glue_database_prefix in lake.toml."
            )
