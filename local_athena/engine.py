"""Runs statements on Trino, by its REST protocol (https://trino.io/docs/current/develop/client-protocol.html)."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from local_athena.errors import QueryCancelledError, QueryFailedError
from local_athena.reader import literal
from local_athena.values import ResultColumn

CATALOG: Final = "awsdatacatalog"
ICEBERG: Final = "iceberg_"
_SECONDS: Final = 900


@dataclass
class Outcome:
    """What Trino answered.

    Attributes:
        columns: none for statements without a result
        rows: values as in Trino's JSON, fractional numbers as text
        update_type: such as INSERT, None for queries
        update_count: rows written, where there are any
        scanned_bytes: what was read from storage
    """

    columns: list[ResultColumn] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    update_type: str | None = None
    update_count: int | None = None
    scanned_bytes: int = 0

    def take(self, page: dict[str, Any]) -> None:
        """Add what a page of the answer holds."""
        self.columns = [_column(c) for c in page.get("columns") or []] or self.columns
        self.rows += page.get("data") or []
        self.update_type = page.get("updateType") or self.update_type
        if page.get("updateCount") is not None:
            self.update_count = page["updateCount"]
        self.scanned_bytes = page.get("stats", {}).get("physicalInputBytes", 0)


def _column(column: dict[str, Any]) -> ResultColumn:
    return ResultColumn(column["name"], column["type"], column["typeSignature"])


class Engine:
    """Trino at an address of this machine."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc

    def run(
        self,
        sql: str,
        schema: str | None = None,
        session: dict[str, str] | None = None,
        stopped: threading.Event | None = None,
        headers: dict[str, str] | None = None,
    ) -> Outcome:
        """Run one statement to its end.

        Raises:
            QueryFailedError: with Trino's own name and message of the error
            QueryCancelledError: `stopped` was set meanwhile
        """
        sent = {**_headers(schema, session), **(headers or {})}
        if stopped is not None and stopped.is_set():
            raise QueryCancelledError("Query cancelled by user")
        outcome, page = Outcome(), self._send("POST", "/v1/statement", sent, sql)
        while True:
            outcome.take(page)
            if "error" in page:
                raise QueryFailedError(f"{page['error']['errorName']}: {page['error']['message']}")
            if not page.get("nextUri"):
                return outcome
            path = urlsplit(page["nextUri"]).path
            if stopped is not None and stopped.is_set():
                self._send("DELETE", path, sent)
                raise QueryCancelledError("Query cancelled by user")
            page = self._send("GET", path, sent)

    def output_of(self, query: str, schema: str | None) -> list[tuple[str, str]]:
        """Names and types of a query's columns, without running it."""
        prepared = {"X-Trino-Prepared-Statement": "asked=" + quote(query, safe="")}
        rows = self.run("DESCRIBE OUTPUT asked", schema, headers=prepared).rows
        return [(row[0], row[4]) for row in rows]

    def with_parameters(self, query: str, parameters: list[str]) -> str:
        """The statement that runs a query with values in the place of its question marks; values are expressions of SQL."""
        return f"EXECUTE IMMEDIATE {literal(query)} USING {', '.join(parameters)}"

    def _send(self, method: str, path: str, headers: dict[str, str], body: str = "") -> dict[str, Any]:
        """Trino answers 503 where it is asked to wait."""
        while True:
            connection = http.client.HTTPConnection(self._host, timeout=_SECONDS)
            try:
                connection.request(method, path, body.encode() or None, headers)
                answer = connection.getresponse()
                content = answer.read()
            except OSError as e:
                raise QueryFailedError(f"GENERIC_INTERNAL_ERROR: Trino does not answer: {e}") from e
            finally:
                connection.close()
            if answer.status not in (502, 503, 504):
                break
            time.sleep(0.1)
        if answer.status >= http.client.BAD_REQUEST:
            raise QueryFailedError(
                f"GENERIC_INTERNAL_ERROR: Trino answered {answer.status}: {content[:200]!r}"
            )
        found: dict[str, Any] = json.loads(content, parse_float=str) if content else {}
        return found


def _headers(schema: str | None, session: dict[str, str] | None) -> dict[str, str]:
    headers = {
        "X-Trino-User": "athena",
        "X-Trino-Source": "local-athena",
        "X-Trino-Catalog": CATALOG,
        "X-Trino-Time-Zone": "UTC",
        "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
    }
    if schema:
        headers["X-Trino-Schema"] = quote(schema)
    if session:
        headers["X-Trino-Session"] = ",".join(f"{name}={quote(value)}" for name, value in session.items())
    return headers
