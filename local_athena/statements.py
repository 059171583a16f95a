"""Which statement goes where. What is not listed here is not Athena's, and is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from local_athena import alter, changes, ctas, hive, iceberg, show, views
from local_athena.catalogue import is_iceberg, is_view
from local_athena.engine import ICEBERG
from local_athena.errors import QueryFailedError, unsupported_query
from local_athena.queries import Execution
from local_athena.reader import Reader, quoted, split
from local_athena.services import Services, table_of

Carried = Callable[[Services, Execution, Reader], None]

# https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html: parameters are for these only
_TAKE_PARAMETERS: Final = ("select", "with", "values", "(", "insert", "execute", "create", "unload")


def carry_out(services: Services, execution: Execution, sql: str) -> None:
    """Carry out a statement, and put what it gives into the execution.

    Raises:
        QueryFailedError: it is refused, or failed
        QueryCancelledError: it was stopped
    """
    reader = Reader(sql)
    if execution.parameters and not any(reader.sees(word) for word in _TAKE_PARAMETERS):
        raise QueryFailedError(
            "NOT_SUPPORTED: Parameters are only supported for SELECT, INSERT INTO, CTAS and UNLOAD"
        )
    if reader.sees("("):
        changes.query(services, execution, reader)
        return
    for words, carried in _STATEMENTS:
        if reader.takes(*words):
            carried(services, execution, reader)
            return
    raise unsupported_query()


def _create_table(services: Services, execution: Execution, reader: Reader) -> None:
    """CREATE TABLE is CTAS where no columns follow, or of an Iceberg table."""
    missing_only = "IF NOT EXISTS " if reader.takes("if", "not", "exists") else ""
    name = reader.name()
    if reader.sees("like") or not (reader.sees("(") or reader.sees("with") or reader.sees("as")):
        raise unsupported_query()
    if reader.sees("("):
        reader.check_hive_name()
        iceberg.create_table(services, execution, name, missing_only, reader)
    else:
        reader.check_trino_name()
        ctas.create_table_as(services, execution, name, missing_only, reader)


def _drop_table(services: Services, execution: Execution, reader: Reader) -> None:
    """DROP TABLE: of an Iceberg table the data goes too, of a Hive table it stays."""
    execution.is_a("DDL", "DROP_TABLE")
    _drop(services, execution, reader)


def _drop_view(services: Services, execution: Execution, reader: Reader) -> None:
    execution.is_a("DDL", "DROP_VIEW")
    _drop(services, execution, reader)


def _drop(services: Services, execution: Execution, reader: Reader) -> None:
    missing_ok = reader.takes("if", "exists")
    parts = reader.name() if execution.substatement == "DROP_VIEW" else reader.hive_name()
    database, name = table_of(parts, execution)
    table = services.catalogue.find(database, name)
    if table is None:
        if not missing_ok:
            services.catalogue.table(database, name)
        return
    if is_view(table) != (execution.substatement == "DROP_VIEW"):
        raise QueryFailedError(
            f"FAILED: SemanticException [Error 10001]: {database}.{name} is of another kind"
        )
    if is_iceberg(table):
        services.run(execution, f"DROP TABLE {quoted(ICEBERG, database, name)}")
    else:
        services.catalogue.drop_table(database, name)


def _prepare(services: Services, execution: Execution, reader: Reader) -> None:
    execution.is_a("DDL", "PREPARE")
    name = reader.word()
    if not reader.takes("from"):
        raise QueryFailedError(f"SYNTAX_ERROR: mismatched input {reader.rest[:40]!r}. Expecting: 'FROM'")
    services.prepared.prepare(execution.workgroup, name, reader.rest)


def _deallocate(services: Services, execution: Execution, reader: Reader) -> None:
    execution.is_a("DDL", "DEALLOCATE_PREPARE")
    name = reader.word()
    services.prepared.sql(execution.workgroup, name)
    services.prepared.forget(execution.workgroup, name)


def _execute(services: Services, execution: Execution, reader: Reader) -> None:
    """EXECUTE name [USING …]; there is no EXECUTE IMMEDIATE (sql-execute)."""
    name = reader.word()
    if name == "immediate":
        raise QueryFailedError("SYNTAX_ERROR: mismatched input 'IMMEDIATE'. Expecting: <prepared statement>")
    using = split(reader.rest) if reader.takes("using") else execution.parameters
    execution.parameters = using
    carry_out(services, execution, services.prepared.sql(execution.workgroup, name))


_STATEMENTS: Final[tuple[tuple[tuple[str, ...], Carried], ...]] = (
    (("select",), changes.query),
    (("with",), changes.query),
    (("values",), changes.query),
    (("insert", "into"), changes.insert),
    (("delete", "from"), changes.delete),
    (("update",), changes.update),
    (("merge", "into"), changes.merge),
    (("explain",), changes.explain),
    (("create", "external", "table"), hive.create_external_table),
    (("create", "table"), _create_table),
    (("create", "view"), views.create_view),
    (("create", "or", "replace", "view"), views.create_view),
    (("create", "database"), hive.create_database),
    (("create", "schema"), hive.create_database),
    (("drop", "database"), hive.drop_database),
    (("drop", "schema"), hive.drop_database),
    (("drop", "table"), _drop_table),
    (("drop", "view"), _drop_view),
    (("alter", "table"), alter.alter_table),
    (("alter", "database"), alter.alter_database),
    (("alter", "schema"), alter.alter_database),
    (("show",), show.show),
    (("describe",), show.describe),
    (("desc",), show.describe),
    (("msck", "repair", "table"), hive.repair),
    (("optimize",), iceberg.optimize),
    (("vacuum",), iceberg.vacuum),
    (("unload",), ctas.unload),
    (("prepare",), _prepare),
    (("deallocate", "prepare"), _deallocate),
    (("execute",), _execute),
)
