"""Query executions: what was asked, how far it came, and what it gave."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from local_athena.values import ResultColumn

RUNNING_STATES = ("QUEUED", "RUNNING")


@dataclass
class Execution:
    """One execution of a statement.

    Attributes:
        sql: the statement as sent
        database: the database of names without one
        output: where the result file goes, s3://…
        workgroup: the workgroup's name
        parameters: expressions in the place of question marks
        statement: its kind of statement: DDL, DML or UTILITY
        substatement: the statement itself, such as SELECT
        columns: of the result
        rows: of the result, as Trino gives them
        header: the first row of the result names the columns, as for a SELECT
        update_count: rows written
        manifest: where the list of written files is, for a CTAS, INSERT or UNLOAD
    """

    sql: str
    database: str
    output: str
    workgroup: str
    parameters: list[str]
    catalog: str = "awsdatacatalog"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str = ""
    statement: str = "DML"
    substatement: str = "SELECT"
    columns: list[ResultColumn] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    header: bool = False
    update_count: int | None = None
    manifest: str | None = None
    scanned_bytes: int = 0
    submitted: float = field(default_factory=time.time)
    completed: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def is_a(self, statement: str, substatement: str) -> None:
        """Say what kind of statement this is."""
        self.statement, self.substatement = statement, substatement

    def gives(self, columns: list[ResultColumn], rows: list[list[Any]]) -> None:
        """Set the result."""
        self.columns, self.rows = columns, rows

    def end(self, state: str, reason: str = "") -> None:
        """Come to an end."""
        self.state, self.reason, self.completed = state, reason, time.time()
        self.ended.set()

    def description(self) -> dict[str, Any]:
        """The QueryExecution of GetQueryExecution."""
        return {
            "QueryExecutionId": self.id,
            "Query": self.sql,
            "StatementType": self.statement,
            "SubstatementType": self.substatement,
            "ResultConfiguration": {"OutputLocation": self.output},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {"Database": self.database, "Catalog": self.catalog},
            "Status": self._status(),
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": "Athena engine version 3",
            },
            **({"ExecutionParameters": self.parameters} if self.parameters else {}),
        }

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed is not None:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            # https://docs.aws.amazon.com/athena/latest/ug/error-reference.html: 2 is the user's
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1006,
                "Retryable": False,
                "ErrorMessage": self.reason,
            }
        return status

    def _statistics(self) -> dict[str, Any]:
        taken = int(((self.completed or time.time()) - self.submitted) * 1000)
        statistics: dict[str, Any] = {
            "EngineExecutionTimeInMillis": taken,
            "TotalExecutionTimeInMillis": taken,
            "QueryQueueTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "DataScannedInBytes": self.scanned_bytes,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        return {**statistics, **({"DataManifestLocation": self.manifest} if self.manifest else {})}
