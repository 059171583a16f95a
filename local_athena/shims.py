"""What lies between Trino and moto's Glue: where moto is less than Glue, and where Trino writes other than Athena does.

Each shim has a test in `tests/athena/test_shims.py` that fails without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.glue import utils as partition_filters
from moto.glue.exceptions import GlueClientError
from moto.glue.responses import GlueResponse

_STATISTICS: Final = (
    "get_column_statistics_for_table",
    "get_column_statistics_for_partition",
    "update_column_statistics_for_table",
    "update_column_statistics_for_partition",
    "delete_column_statistics_for_table",
    "delete_column_statistics_for_partition",
)
_VIEW_COMMENT: Final = "Presto View"
_VIEW_TEXT: Final = "/* Presto View: "
_CAST: Final = vars(partition_filters)["_cast"]
_ORIGINALS: Final = {
    name: getattr(GlueResponse, name) for name in ("create_table", "update_table", "get_table", "get_tables")
}


class ConcurrentModificationError(GlueClientError):
    """What Glue says to the later of two writers."""

    def __init__(self) -> None:
        super().__init__(
            "ConcurrentModificationException", "Update table failed due to concurrent modifications."
        )


def apply() -> None:
    """Put all shims into moto; once more changes nothing."""
    for name in _STATISTICS:
        setattr(GlueResponse, name, _no_statistics)
    for name, changed in _CHANGED.items():
        setattr(GlueResponse, name, changed)
    vars(partition_filters)["_cast"] = _cast


def _cast(kind: str, value: Any) -> Any:
    """Moto compares partition keys of Glue's bare types only; Glue knows the length of varchar(10) too."""
    return _CAST(kind.partition("(")[0], value)


def _no_statistics(_: Any) -> ActionResult:
    """Trino reads and writes statistics of columns, which moto has not; Athena's tables have them only where Glue made some."""
    return ActionResult({"ColumnStatisticsList": [], "Errors": []})


def _create_table(self: Any) -> Any:
    _mark_current_fields(self)
    return _ORIGINALS["create_table"](self)


def _update_table(self: Any) -> Any:
    """Glue compares versions; moto ignores VersionId, and one of two Iceberg commits would be lost without a word."""
    asked, table = self.parameters.get("VersionId"), self.parameters["TableInput"]
    held = self.glue_backend.get_table(self.parameters["DatabaseName"], table["Name"])
    if asked is not None and asked != held.as_dict()["VersionId"]:
        raise ConcurrentModificationError
    _mark_current_fields(self)
    return _ORIGINALS["update_table"](self)


def _mark_current_fields(request: Any) -> None:
    """Athena marks the columns of Iceberg tables so, Trino does not; awswrangler drops columns without the mark."""
    sent = json.loads(request.body)
    table = sent["TableInput"]
    if str((table.get("Parameters") or {}).get("table_type", "")).upper() != "ICEBERG":
        return
    for number, column in enumerate(table.get("StorageDescriptor", {}).get("Columns", []), 1):
        marks = {
            "iceberg.field.current": "true",
            "iceberg.field.id": str(number),
            "iceberg.field.optional": "true",
        }
        column["Parameters"] = {**marks, **column.get("Parameters", {})}
    request.body = json.dumps(sent)


def _get_table(self: Any) -> Any:
    answer = _ORIGINALS["get_table"](self)
    if _asked_by_trino(self):
        return ActionResult({"Table": _known_view(answer.result["Table"])})
    return answer


def _get_tables(self: Any) -> Any:
    answer = _ORIGINALS["get_tables"](self)
    if _asked_by_trino(self):
        return ActionResult({"TableList": [_known_view(table) for table in answer.result["TableList"]]})
    return answer


def _asked_by_trino(request: Any) -> bool:
    return "aws-sdk-java" in str(request.headers.get("User-Agent", ""))


def _known_view(table: dict[str, Any]) -> dict[str, Any]:
    """Trino knows its views by their comment; dbt's persist_docs writes another one, which Athena does not mind."""
    if not str(table.get("ViewOriginalText") or "").startswith(_VIEW_TEXT):
        return table
    commented = {**table["Parameters"], "comment": _VIEW_COMMENT}
    return {**table, "Parameters": commented, "Description": _VIEW_COMMENT}


_CHANGED: Final[dict[str, Callable[[Any], Any]]] = {
    "create_table": _create_table,
    "update_table": _update_table,
    "get_table": _get_table,
    "get_tables": _get_tables,
}
