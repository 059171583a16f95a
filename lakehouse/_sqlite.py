"""Iceberg's catalogue in a SQLite file of this machine."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from contracts.errors import StorageError
from contracts.layout import NAMESPACES


@dataclass(frozen=True, slots=True)
class SqliteService:
    """See `lakehouse.catalogue.Service`. `warehouse` is a URL, `file_access` what pyiceberg must know to read it."""

    database: Path
    warehouse: str
    file_access: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    at_once: int = 1

    def connect(self) -> SqlCatalog:
        """The catalogue, its file made when missing."""
        try:
            catalog = SqlCatalog(
                "lake", uri=f"sqlite:///{self.database}", warehouse=self.warehouse, **self.file_access
            )
        except OperationalError as e:
            raise self._unusable(e.orig) from e
        listen(catalog.engine, "handle_error", self._translate)
        for namespace in NAMESPACES:
            catalog.create_namespace_if_not_exists(namespace)
        return catalog

    def _translate(self, context: ExceptionContext) -> None:
        if isinstance(context.original_exception, sqlite3.OperationalError):
            raise self._unusable(context.original_exception)

    def _unusable(self, error: BaseException | None) -> StorageError:
        return StorageError(
            f"{self.database} cannot be used ({error}). Free space or mend permissions, then run again."
        )
