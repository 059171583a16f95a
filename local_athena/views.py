"""Views.

Source: https://docs.aws.amazon.com/athena/latest/ug/create-view.html and views.html, limitations.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from sqlglot.tokenizer_core import TokenType

from local_athena import types
from local_athena.errors import QueryFailedError
from local_athena.queries import Execution
from local_athena.reader import Reader
from local_athena.refusals import check_query
from local_athena.services import Services, table_of

_NAME: Final = re.compile(r"\w+", re.ASCII)
_GEOSPATIAL: Final = re.compile(
    r"st_\w+|to_spherical_geography|to_geometry|bing_tile\w*|geometry_\w+|great_circle_distance"
)


def create_view(services: Services, execution: Execution, reader: Reader) -> None:
    """CREATE [OR REPLACE] VIEW."""
    execution.is_a("DDL", "CREATE_VIEW")
    database, name = table_of(reader.name(), execution)
    if not reader.takes("as"):
        raise QueryFailedError(f"SYNTAX_ERROR: mismatched input {reader.rest[:40]!r}. Expecting: 'AS'")
    query = reader.rest
    _check(name, query)
    check_query(query, services.functions)
    columns = _columns(services, execution, query)
    services.run(execution, reader.text)
    _store_columns(services, database, name, columns)


def _check(name: str, query: str) -> None:
    if not _NAME.fullmatch(name):
        raise QueryFailedError(
            f"INVALID_VIEW: View names take no special characters other than underscore: {name}"
        )
    tokens = Reader(query).tokens()
    for token, following in itertools.pairwise(tokens):
        if following.token_type == TokenType.L_PAREN and _GEOSPATIAL.fullmatch(token.text.lower()):
            raise QueryFailedError(
                f"NOT_SUPPORTED: Views with geospatial functions are not supported: {token.text}"
            )


def _columns(services: Services, execution: Execution, query: str) -> list[types.Column]:
    """The view's columns in Glue's types: Athena keeps no others.

    Source: https://docs.aws.amazon.com/athena/latest/ug/data-types.html, types that are not available in DDL.
    """
    columns = []
    for name, kind in services.engine.output_of(query, execution.database):
        found = types.to_hive(kind)
        if found is None:
            raise QueryFailedError(
                f"NOT_SUPPORTED: Invalid column type for column {name}: Unsupported Hive type: {kind}"
            )
        columns.append({"Name": name, "Type": found})
    return columns


def _store_columns(services: Services, database: str, name: str, columns: list[types.Column]) -> None:
    """Trino stores one column of its own making in Glue, Athena the real ones; clients read them there."""
    table = services.catalogue.table(database, name)
    services.catalogue.update(
        database, table, StorageDescriptor={**table["StorageDescriptor"], "Columns": columns}
    )
