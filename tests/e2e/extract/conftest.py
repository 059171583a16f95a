"""A PostgreSQL for the tests of extracts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import Database, Server, new_database, running_server

from ingestion.event_log import EventLog

SAMPLE = Path(__file__).parents[1] / "sources" / "commerce_db"

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Database:
    return new_database(server, f"test_{next(_numbers)}")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as opened:
        yield opened


@pytest.fixture
def shop(database: Database) -> Database:
    """The sample's database."""
    database.run((SAMPLE / "database.sql").read_text("utf-8"))
    return database
