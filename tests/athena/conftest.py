"""Athena on one machine, and its clients."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_athena.engine import Engine
from local_athena.errors import SetupError
from local_athena.server import Server, serving

BUCKET = "lane"
_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.athena)


@dataclass
class Answer:
    """How a statement ended."""

    state: str
    reason: str
    rows: list[list[str | None]]
    execution: dict[str, Any]


@dataclass
class Asked:
    """A caller of Athena with a database of its own."""

    server: Server
    database: str
    athena: Any = field(init=False)
    glue: Any = field(init=False)
    s3: Any = field(init=False)
    trino: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.athena, self.glue, self.s3 = (self.client(name) for name in ("athena", "glue", "s3"))
        self.trino = Engine(self.server.trino)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.address,
            region_name=self.server.region,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def start(self, sql: str, **more: Any) -> str:
        context = {"Database": self.database}
        started = self.athena.start_query_execution(QueryString=sql, QueryExecutionContext=context, **more)
        return str(started["QueryExecutionId"])

    def ended(self, identifier: str) -> dict[str, Any]:
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return dict(found)
            time.sleep(0.02)

    def ask(self, sql: str, **more: Any) -> Answer:
        execution = self.ended(self.start(sql, **more))
        status, rows = execution["Status"], []
        if status["State"] == "SUCCEEDED":
            pages = self.athena.get_paginator("get_query_results").paginate(
                QueryExecutionId=execution["QueryExecutionId"]
            )
            found = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
            rows = [[cell.get("VarCharValue") for cell in row] for row in found]
        return Answer(status["State"], status.get("StateChangeReason", ""), rows, execution)

    def done(self, sql: str, **more: Any) -> list[list[str | None]]:
        """Rows of a statement that has to succeed, without the header."""
        answer = self.ask(sql, **more)
        assert answer.state == "SUCCEEDED", f"{sql}: {answer.reason}"
        return answer.rows[1:] if answer.execution["SubstatementType"] == "SELECT" else answer.rows

    def refused(self, sql: str, **more: Any) -> str:
        """Why a statement failed."""
        answer = self.ask(sql, **more)
        assert answer.state == "FAILED", sql
        return answer.reason

    def location(self, name: str) -> str:
        return f"s3://{BUCKET}/{self.database}/{name}/"

    def keys(self, name: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.database}/{name}/").get("Contents", [])
        return [entry["Key"] for entry in found]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole lane; a machine that cannot have it skips, and with CI=true fails."""
    try:
        with serving() as served:
            yield served
    except SetupError as e:
        if os.environ.get("CI") == "true":
            pytest.fail(str(e))
        pytest.skip(str(e))


@pytest.fixture(scope="session")
def lane(server: Server) -> Iterator[Server]:
    """The server with a bucket, and AWS's environment of somebody who uses it, with nothing else of AWS's."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(server.environment())
    Asked(server, "default").s3.create_bucket(Bucket=BUCKET)
    yield server
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def asked(lane: Server) -> Asked:
    """A caller whose database is no other module's."""
    caller = Asked(lane, f"lane_{next(_NUMBERS)}")
    caller.glue.create_database(DatabaseInput={"Name": caller.database})
    return caller


@pytest.fixture
def name() -> str:
    """A name that nothing has yet."""
    return f"t{next(_NUMBERS)}"
