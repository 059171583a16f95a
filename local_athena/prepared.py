"""Prepared statements, by workgroup; the API and SQL see the same ones."""

from __future__ import annotations

import time
from typing import Any

from local_athena.errors import ApiError, QueryFailedError
from local_athena.reader import Reader

# https://docs.aws.amazon.com/athena/latest/ug/sql-prepare.html and querying-with-prepared-statements.html
_PREPARABLE = (("select",), ("with",), ("values",), ("insert", "into"), ("create", "table"), ("unload",))


class PreparedStatements:
    """The prepared statements of all workgroups."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, Any]] = {}

    def prepare(self, workgroup: str, name: str, sql: str, description: str | None = None) -> None:
        """Keep a statement; one of the same name is replaced.

        Raises:
            QueryFailedError: Athena does not prepare statements of this kind
        """
        reader = Reader(sql)
        if not any(reader.sees(*words) for words in _PREPARABLE):
            raise QueryFailedError(
                "NOT_SUPPORTED: PREPARE takes SELECT, CTAS, INSERT INTO and UNLOAD statements only"
            )
        kept = {
            "StatementName": name,
            "QueryStatement": sql,
            "WorkGroupName": workgroup,
            "LastModifiedTime": time.time(),
        }
        self._found[workgroup, name] = {**kept, **({"Description": description} if description else {})}

    def get(self, workgroup: str, name: str) -> dict[str, Any]:
        """One statement, as GetPreparedStatement gives it.

        Raises:
            ApiError: there is none
        """
        if (workgroup, name) not in self._found:
            raise ApiError(
                "ResourceNotFoundException",
                f"PreparedStatement {name} was not found in workGroup {workgroup}",
            )
        return self._found[workgroup, name]

    def sql(self, workgroup: str, name: str) -> str:
        """The text of one statement.

        Raises:
            QueryFailedError: there is none
        """
        try:
            return str(self.get(workgroup, name)["QueryStatement"])
        except ApiError as e:
            raise QueryFailedError(str(e)) from e

    def forget(self, workgroup: str, name: str) -> None:
        """Take one statement away, where there is one."""
        self._found.pop((workgroup, name), None)

    def of(self, workgroup: str) -> list[dict[str, Any]]:
        """All statements of a workgroup, as ListPreparedStatements gives them."""
        named = ("StatementName", "LastModifiedTime")
        return [{k: s[k] for k in named} for (group, _), s in self._found.items() if group == workgroup]
