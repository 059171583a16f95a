"""A collector killed under load: what it acknowledged lands, all of it, each event once."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from commands import DISK_FAILED, LAKE, WRONG_USE, environment, lake_command
from records import event

from lakehouse.lake import Lake

Address = tuple[str, dict[str, str]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


@pytest.fixture
def key(lake: Lake) -> str:
    return lake_command("keys", "add", "shop", "--lake", lake.root).stdout.strip()


@contextmanager
def collecting(lake: Lake) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A collector that runs, and its address."""
    command = [*LAKE, "collect", "--lake", str(lake.root), "--port", "0"]
    with subprocess.Popen(command, env=environment(), text=True, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        found = re.search(r"http://[\d.:]+", process.stderr.readline())
        assert found, "it did not say where it listens"
        address = found[0]
        try:
            yield process, address
        finally:
            process.kill()


def details(event_id: str) -> dict[str, object]:
    detail = event("page_viewed", event_id)["detail"]
    metadata = detail.pop("metadata")
    return {
        "event_type": "page_viewed",
        "event_id": event_id,
        "occurred_at": metadata["occurred_at"],
        "data": detail,
    }


def send(address: str, key: str, name: str, acknowledged: list[str]) -> None:
    """Send batches until the collector is gone; keeps what was acknowledged."""
    headers = {"authorization": f"Bearer {key}"}
    with suppress(httpx2.TransportError), httpx2.Client(headers=headers) as client:
        for batch in range(10_000):
            ids = [f"{name}-{batch}-{n}" for n in range(5)]
            if client.post(f"{address}/v1/events", json=[details(each) for each in ids]).status_code == 202:
                acknowledged += ids


def landed(lake: Lake) -> Counter[str]:
    lines = [
        line
        for path in (lake.root / "raw").rglob("*.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return Counter(json.loads(line)["detail"]["metadata"]["event_id"] for line in lines)


def test_what_is_acknowledged_lands_once_though_collector_and_lander_are_killed(lake: Lake, key: str) -> None:
    acknowledged: list[str] = []
    for life in range(3):
        with collecting(lake) as (process, address):
            senders = [
                threading.Thread(target=send, args=(address, key, f"{life}-{n}", acknowledged))
                for n in range(4)
            ]
            for sender in senders:
                sender.start()
            while len(acknowledged) < (life + 1) * 100 and any(s.is_alive() for s in senders):
                time.sleep(0.01)
            killed = lake_command("land", "--lake", lake.root, LAKE_FAILPOINT="land.written")
            assert killed.returncode == -signal.SIGKILL
            process.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join()
    lake_command("land", "--lake", lake.root)
    found = landed(lake)
    assert len(acknowledged) >= 300
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}


def test_a_collector_told_to_end_answers_what_it_took_and_ends(lake: Lake, key: str) -> None:
    with collecting(lake) as (process, address):
        headers = {"authorization": f"Bearer {key}"}
        assert httpx2.post(f"{address}/v1/events", json=details("e-1"), headers=headers).status_code == 202
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM, 143}
    lake_command("land", "--lake", lake.root)
    assert landed(lake) == {"e-1": 1}


def test_without_a_key_there_is_nothing_to_listen_for(lake: Lake) -> None:
    done = lake_command("collect", "--lake", lake.root)
    assert done.returncode == WRONG_USE
    assert "lake keys add" in done.stderr


@pytest.mark.usefixtures("key")
def test_a_port_that_is_taken_is_told(lake: Lake) -> None:
    with collecting(lake) as (_, address):
        done = lake_command("collect", "--lake", lake.root, "--port", address.rpartition(":")[2])
    assert done.returncode == WRONG_USE
    assert "Choose another --port" in done.stderr


@pytest.mark.usefixtures("key")
def test_a_log_that_cannot_be_opened_is_told(lake: Lake) -> None:
    lake.log_path.mkdir()
    done = lake_command("collect", "--lake", lake.root, "--port", "0")
    assert done.returncode == DISK_FAILED
    assert "Event log" in done.stderr
