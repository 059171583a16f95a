"""What statements run on."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_athena.catalogue import Catalogue
from local_athena.engine import CATALOG, Engine, Outcome
from local_athena.errors import QueryFailedError
from local_athena.functions import Functions
from local_athena.prepared import PreparedStatements
from local_athena.queries import Execution
from local_athena.storage import Storage


@dataclass(frozen=True)
class Services:
    """Trino, Glue and S3, and the statements that were prepared."""

    engine: Engine
    catalogue: Catalogue
    storage: Storage
    functions: Functions
    prepared: PreparedStatements = field(default_factory=PreparedStatements)

    def run(self, execution: Execution, sql: str, session: dict[str, str] | None = None) -> Outcome:
        """Run a statement of Trino's on behalf of an execution, which can stop it."""
        outcome = self.engine.run(sql, execution.database, session, execution.stopped)
        execution.scanned_bytes += outcome.scanned_bytes
        return outcome


def table_of(parts: list[str], execution: Execution) -> tuple[str, str]:
    """Database and name of a table, from the parts of its name.

    Raises:
        QueryFailedError: the name is one of another catalogue
    """
    padded = [CATALOG, execution.database, *parts] if len(parts) == 1 else [CATALOG, *parts]
    catalog, database, name = padded[-3:]
    check_catalog(catalog)
    return database, name


def check_catalog(name: str) -> None:
    """There is one catalogue, as there is without federated queries.

    Source: https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html, Trino and Presto connectors.
    """
    if name.lower() != CATALOG:
        raise QueryFailedError(f"CATALOG_NOT_FOUND: Catalog '{name}' does not exist")
