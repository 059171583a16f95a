from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import UsageError
from lakehouse import _spark

HERE = Path(__file__).parent
# Java hands Python's workers the environment it was started with; they import the lane's own functions from here
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1]), str(HERE)])


@pytest.fixture(scope="session", autouse=True)
def java() -> None:
    """A Java that Spark runs on; with CI=true a machine without one fails the lane."""
    try:
        _spark.check_java()
    except UsageError as e:
        if os.environ.get("CI") == "true":
            pytest.fail(str(e))
        pytest.skip(str(e))


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    """One Spark session for the whole lane, which every engine then takes."""
    session = _spark.start()
    yield session
    session.stop()
