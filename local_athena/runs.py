"""Executions under way, and those that ended; their result files."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from local_athena import values
from local_athena.errors import QueryCancelledError, QueryFailedError, invalid
from local_athena.queries import RUNNING_STATES, Execution
from local_athena.services import Services
from local_athena.statements import carry_out

_AT_ONCE: Final = 20
_MOST_ROWS: Final = 1000
_LOG: Final = logging.getLogger(__name__)


class Runs:
    """All executions since the server was started, in memory."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._found: dict[str, Execution] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, "athena")

    def start(self, execution: Execution) -> None:
        """Carry an execution out beside the caller."""
        self._found[execution.id] = execution
        self._pool.submit(self._run, execution)

    def get(self, identifier: str) -> Execution:
        """An execution.

        Raises:
            ApiError: there is none
        """
        if identifier not in self._found:
            raise invalid(f"QueryExecution {identifier} was not found")
        return self._found[identifier]

    def newest(self, workgroup: str) -> list[str]:
        """Identifiers of a workgroup's executions, newest first."""
        return [e.id for e in reversed(self._found.values()) if e.workgroup == workgroup]

    def _run(self, execution: Execution) -> None:
        execution.state = "RUNNING"
        try:
            carry_out(self._services, execution, execution.sql)
            self._write(execution)
        except QueryCancelledError as e:
            execution.end("CANCELLED", str(e))
        except QueryFailedError as e:
            cancelled = execution.stopped.is_set()
            execution.end("CANCELLED" if cancelled else "FAILED", str(e))
        except Exception as e:  # noqa: BLE001 - an execution has to end, whatever broke
            _LOG.exception("a statement broke the server: %s", execution.sql)
            execution.end("FAILED", f"GENERIC_INTERNAL_ERROR: {type(e).__name__}: {e}")
        else:
            execution.end("SUCCEEDED")

    def _write(self, execution: Execution) -> None:
        """The result file and, beside it, its metadata: what columns there are. Athena's own metadata file is in no open format."""
        if execution.statement != "DML":
            execution.output = execution.output.removesuffix(".csv") + ".txt"
        line = values.csv_line if execution.statement == "DML" else values.text_line
        lines = [line(row) for row in printed(execution)]
        self._services.storage.write(execution.output, "".join(lines))
        described = [values.column_info(column) for column in execution.columns]
        self._services.storage.write(f"{execution.output}.metadata", json.dumps({"ColumnInfo": described}))


def printed(execution: Execution) -> list[list[str | None]]:
    """The result as rows of text, the header among them where there is one."""
    header: list[list[str | None]] = [[c.name for c in execution.columns]] if execution.header else []
    return [*header, *(_cells(row, execution) for row in execution.rows)]


def _cells(row: list[Any], execution: Execution) -> list[str | None]:
    return [values.text(value, c.signature) for value, c in zip(row, execution.columns, strict=True)]


def page(execution: Execution, token: str | None, most: int | None) -> dict[str, Any]:
    """A page of GetQueryResults: at most 1000 rows, the header counted.

    Raises:
        ApiError: the execution has not succeeded, or the page is none
    """
    if execution.state in RUNNING_STATES:
        raise invalid(f"Query has not yet finished. Current state: {execution.state}")
    if execution.state != "SUCCEEDED":
        raise invalid(f"Query did not finish successfully. Final query state: {execution.state}")
    if most is not None and not 0 < most <= _MOST_ROWS:
        raise invalid(f"MaxResults is out of range: {most}")
    begin = int(token) if token and token.isdigit() else 0
    end = begin + (most or _MOST_ROWS)
    rows = printed(execution)
    shown = [{"Data": [{} if c is None else {"VarCharValue": c} for c in row]} for row in rows[begin:end]]
    described = [values.column_info(column) for column in execution.columns]
    return {
        "UpdateCount": execution.update_count or 0,
        "ResultSet": {"Rows": shown, "ResultSetMetadata": {"ColumnInfo": described}},
        **({"NextToken": str(end)} if end < len(rows) else {}),
    }
