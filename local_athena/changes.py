"""Queries and changes of rows: to Trino as they are, once Athena would take them.

Source: https://docs.aws.amazon.com/athena/latest/ug/dml-queries-functions-operators.html and the pages of each statement there.
"""

from __future__ import annotations

from local_athena.catalogue import is_iceberg
from local_athena.errors import QueryFailedError
from local_athena.queries import Execution
from local_athena.reader import Reader, split
from local_athena.refusals import check_query
from local_athena.services import Services, table_of
from local_athena.values import bigint

_QUERIES = ("select", "with", "values", "(")
_EXPLAIN_OPTIONS = frozenset(
    ["format text", "format json", "format graphviz", "type logical", "type distributed", "type validate"]
)
_ANALYZE_OPTIONS = frozenset(["format text", "format json"])


def query(services: Services, execution: Execution, reader: Reader) -> None:
    """SELECT and VALUES."""
    execution.is_a("DML", "SELECT")
    _run(services, execution, reader.text)
    execution.header = True


def insert(services: Services, execution: Execution, reader: Reader) -> None:
    """INSERT INTO; not into bucketed tables (insert-into)."""
    execution.is_a("DML", "INSERT")
    database, name = table_of(reader.name(), execution)
    table = services.catalogue.find(database, name)
    if table and table.get("StorageDescriptor", {}).get("BucketColumns"):
        raise QueryFailedError(
            f"NOT_SUPPORTED: Inserting into bucketed tables is not supported: {database}.{name}"
        )
    _run(services, execution, reader.text)


def delete(services: Services, execution: Execution, reader: Reader) -> None:
    """DELETE FROM an Iceberg table."""
    _change(services, execution, reader, "DELETE")


def update(services: Services, execution: Execution, reader: Reader) -> None:
    """UPDATE an Iceberg table."""
    _change(services, execution, reader, "UPDATE")


def merge(services: Services, execution: Execution, reader: Reader) -> None:
    """MERGE INTO an Iceberg table."""
    _change(services, execution, reader, "MERGE")


def _change(services: Services, execution: Execution, reader: Reader, verb: str) -> None:
    execution.is_a("DML", verb)
    database, name = table_of(reader.name(), execution)
    table = services.catalogue.find(database, name)
    if table and not is_iceberg(table):
        raise QueryFailedError(
            "NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables"
        )
    _run(services, execution, reader.text)


def explain(services: Services, execution: Execution, reader: Reader) -> None:
    """EXPLAIN [ANALYZE] of a query or a change (athena-explain-statement)."""
    execution.is_a("UTILITY", "EXPLAIN")
    analyzed = reader.takes("analyze")
    options = split(reader.group()) if reader.sees("(") and not _is_query(reader) else []
    known = _ANALYZE_OPTIONS if analyzed else _EXPLAIN_OPTIONS
    unknown = [option for option in options if " ".join(option.lower().split()) not in known]
    if unknown or reader.sees("verbose"):
        raise QueryFailedError(
            f"NOT_SUPPORTED: EXPLAIN option is not supported: {', '.join(unknown) or 'VERBOSE'}"
        )
    explained = (*_QUERIES, "insert") if analyzed else (*_QUERIES, "insert", "delete", "update", "merge")
    if not any(reader.sees(word) for word in explained):
        raise QueryFailedError("NOT_SUPPORTED: EXPLAIN of this statement is not supported")
    check_query(reader.rest, services.functions)
    outcome = services.run(execution, reader.text)
    lines = [line for row in outcome.rows for line in str(row[0]).split("\n")]
    execution.gives(outcome.columns, [[line] for line in lines])


def _is_query(reader: Reader) -> bool:
    inner = Reader(Reader(reader.rest).group())
    return any(inner.sees(word) for word in _QUERIES)


def _run(services: Services, execution: Execution, sql: str) -> None:
    check_query(sql, services.functions)
    if execution.parameters:
        sql = services.engine.with_parameters(sql, execution.parameters)
    outcome = services.run(execution, sql)
    execution.update_count = outcome.update_count
    if outcome.update_type is None:
        execution.gives(outcome.columns, outcome.rows)
    elif outcome.update_count is not None:
        execution.gives([bigint("rows")], [[outcome.update_count]])
