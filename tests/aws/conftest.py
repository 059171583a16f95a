"""AWS's services on this machine, and lakes on them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from lakehouse._aws import client
from lakehouse._s3 import arrow_filesystem
from lakehouse.lake import Lake

SERVER: Final = Path(__file__).with_name("moto_server.py")
BUCKET: Final = "lake-tests"
REGION: Final = "eu-west-1"
_NUMBERS: Final = itertools.count(1)

NewLake = Callable[..., Lake]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.aws)


@contextmanager
def serving(*words: str) -> Iterator[str]:
    """A server of its own; yields its address."""
    command = [sys.executable, str(SERVER), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "moto did not start"
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.communicate()


@contextmanager
def settings(**values: str) -> Iterator[None]:
    """AWS's environment with these values and no others, for this process and those it starts."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    _replace_settings(values)
    try:
        yield
    finally:
        _replace_settings(before)


def _replace_settings(values: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(values)
    forget_clients()


def forget_clients() -> None:
    """As in a new process."""
    client.cache_clear()
    arrow_filesystem.cache_clear()


def at(address: str) -> dict[str, str]:
    """The environment of somebody who may do anything at that address."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def _served() -> Iterator[str]:
    with serving() as address:
        with settings(**at(address)):
            make_bucket(BUCKET)
        yield address


@pytest.fixture(scope="module", autouse=True)
def aws(_served: str) -> Iterator[str]:
    """The services' address, in the environment."""
    with settings(**at(_served)):
        yield _served


def make_bucket(name: str) -> None:
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def profile(**more: Any) -> dict[str, Any]:
    """Settings of a lake that shares nothing with another."""
    number = f"{os.getpid()}-{next(_NUMBERS)}"
    return {
        "store": f"s3://{BUCKET}/lakes/{number}",
        "catalogue": "glue",
        "glue_database_prefix": f"lake_{number.replace('-', '_')}_",
        "quarantine_threshold": 1.0,
        **more,
    }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A new lake on S3 and Glue."""
    return Lake.create(tmp_path / "remote", profile())
