"""`lake redrive` against moto's S3, SQS and EventBridge: the API as boto3 speaks it."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import DISK_FAILED, DONE, WRONG_USE, answer, environment, lake_command
from conftest import BUCKET, at
from holdings import ask, assert_conserved

from ingestion.event_log import EventLog
from lakehouse._aws import client
from lakehouse._s3 import Prefix
from lakehouse.lake import Lake
from pipeline.curate import curate

SAMPLES = Path(__file__).parents[1] / "e2e" / "redrive"
MESSAGES = {path.stem: json.loads(path.read_text("utf-8")) for path in (SAMPLES / "queue").glob("*.json")}
EVENTS = {"rule-target", "rule-no-permissions", "lambda-function", "lambda-destination"}
EVERY_EVENT = {f"q-{n:02}" for n in range(1, 5)}
FORGETFUL = """
import ingestion.dead_letter_queue as queues
from cli.main import main
queues._HIDDEN_SECONDS = 1
main()
"""
_NUMBERS = itertools.count(1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of this machine's; only what is redriven is on AWS."""
    return Lake.create(tmp_path / "lake")


@pytest.fixture
def queue() -> str:
    """A dead-letter queue with a message of every kind."""
    url = new_queue()
    for message in MESSAGES.values():
        client("sqs").send_message(QueueUrl=url, **message)
    return url


@pytest.fixture
def bus() -> Iterator[tuple[str, str]]:
    """A bus, and the queue that gets everything it does."""
    name, url = f"redrive-{next(_NUMBERS)}", new_queue()
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    client("events").create_event_bus(Name=name)
    client("events").put_rule(Name=name, EventBusName=name, EventPattern='{"source": ["shop"]}')
    client("events").put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    yield name, url
    client("events").remove_targets(Rule=name, EventBusName=name, Ids=["queue"])
    client("events").delete_rule(Name=name, EventBusName=name)


def new_queue() -> str:
    url: str = client("sqs").create_queue(QueueName=f"redrive-{next(_NUMBERS)}")["QueueUrl"]
    return url


def bodies(url: str) -> list[str]:
    """What is in a queue, which it then has no more."""
    found = []
    while messages := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [each["Body"] for each in messages]
    return found


def killed_at(point: str, *words: str | Path, log: Path) -> None:
    """Run `lake ...`, see it die at a commit point, and wait until what it had received can be received again."""
    log.unlink(missing_ok=True)
    env = environment(LAKE_FAILPOINT=point, LAKE_FAILPOINT_LOG=str(log))
    command = [sys.executable, "-c", FORGETFUL, *map(str, words)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert log.read_text("utf-8") == point + "\n"
    time.sleep(1.1)


def redriven(lake: Lake, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = answer("redrive", *words, "--lake", lake.root)
    return found


def curated(lake: Lake) -> list[str]:
    """Ids of the events that are curated, each as often as it is."""
    lake_command("land", "--lake", lake.root)
    curate(lake)
    assert_conserved(lake)
    tables = ("page_viewed", "order_placed")
    return sorted(
        row["event_id"] for table in tables for row in ask(lake, f"select event_id from curated.{table}")
    )


def test_messages_of_every_kind_are_brought_back_and_leave_their_queue(lake: Lake, queue: str) -> None:
    found = redriven(lake, "queue", queue)
    assert (found["found"], found["redriven"], found["unreadable"]) == (4, 4, 2)
    assert found["errors"] == {"200": 1, "NO_PERMISSIONS": 1, "THROTTLING": 1, "Unhandled": 1}
    assert curated(lake) == sorted(EVERY_EVENT)
    left = {MESSAGES[name]["MessageBody"] for name in set(MESSAGES) - EVENTS}
    assert set(bodies(queue)) == left
    assert all(each["place"].startswith(f"{queue}#") for each in found["left"])


def test_a_second_redrive_of_a_queue_finds_what_was_left_and_adds_nothing(lake: Lake, queue: str) -> None:
    redriven(lake, "queue", queue)
    found = redriven(lake, "queue", queue)
    assert (found["found"], found["redriven"], found["unreadable"]) == (0, 0, 2)
    assert curated(lake) == sorted(EVERY_EVENT)


def test_a_dry_run_counts_and_hides_nothing(lake: Lake, queue: str) -> None:
    found = redriven(lake, "queue", queue, "--dry-run")
    assert (found["found"], found["redriven"], found["waiting"]) == (6, 0, 6)
    assert not lake.log_path.exists()
    assert len(bodies(queue)) == 6


@pytest.mark.parametrize("point", ["redrive.read", "redrive.noted", "redrive.put", "redrive.deleted"])
def test_a_redrive_of_a_queue_killed_anywhere_neither_loses_nor_doubles(
    lake: Lake, queue: str, tmp_path: Path, point: str
) -> None:
    killed_at(point, "redrive", "queue", queue, "--lake", lake.root, log=tmp_path / "hits")
    found = redriven(lake, "queue", queue)
    before = {"redrive.put": (0, 4), "redrive.deleted": (0, 0)}
    assert (found["redriven"], found["already_redriven"]) == before.get(point, (4, 0))
    assert len(bodies(queue)) == 2
    with EventLog(lake.log_path) as log:
        assert len(log) == 4
    assert curated(lake) == sorted(EVERY_EVENT)


def test_a_queue_longer_than_a_call_is_emptied(lake: Lake) -> None:
    url = new_queue()
    for n in range(23):
        body = MESSAGES["rule-target"]["MessageBody"].replace("q-01", f"n-{n:02}")
        client("sqs").send_message(QueueUrl=url, MessageBody=body)
    assert redriven(lake, "queue", url)["redriven"] == 23
    assert bodies(url) == []
    with EventLog(lake.log_path) as log:
        assert len(log) == 23


def test_messages_may_go_to_a_bus_instead(lake: Lake, queue: str, bus: tuple[str, str]) -> None:
    found = redriven(lake, "queue", queue, "--bus", bus[0])
    assert (found["redriven"], found["unreadable"]) == (4, 2)
    delivered = [json.loads(each)["detail"]["metadata"]["event_id"] for each in bodies(bus[1])]
    assert sorted(delivered) == sorted(EVERY_EVENT)
    assert len(bodies(queue)) == 2
    with EventLog(lake.log_path) as log:
        assert len(log) == 0


def test_a_redrive_onto_a_bus_killed_once_it_was_sent_sends_again_and_then_never(
    lake: Lake, queue: str, bus: tuple[str, str], tmp_path: Path
) -> None:
    words = ("redrive", "queue", queue, "--bus", bus[0], "--lake", lake.root)
    killed_at("redrive.sent", *words, log=tmp_path / "hits")
    assert redriven(lake, "queue", queue, "--bus", bus[0])["redriven"] == 4
    assert redriven(lake, "queue", queue, "--bus", bus[0])["found"] == 0
    delivered = [json.loads(each)["detail"]["metadata"]["event_id"] for each in bodies(bus[1])]
    assert sorted(delivered) == sorted([*EVERY_EVENT, *EVERY_EVENT])


def test_an_error_prefix_on_s3_is_redriven_and_stays_as_it_is(lake: Lake) -> None:
    prefix = Prefix.of(f"s3://{BUCKET}/errors-{next(_NUMBERS)}")
    for path in (SAMPLES / "errors").rglob("shop-events*"):
        prefix.put(path.relative_to(SAMPLES / "errors").as_posix(), path.read_bytes())
    before = list(prefix.listed())
    found = redriven(lake, "errors", f"{prefix.url}/")
    assert (found["found"], found["redriven"], found["unreadable"]) == (13, 13, 1)
    assert found["left"][0]["place"].startswith(f"{prefix.url}/manifests/")
    found = redriven(lake, "errors", prefix.url)
    assert (found["redriven"], found["already_redriven"]) == (0, 13)
    assert list(prefix.listed()) == before


def test_what_no_bus_takes_is_named_and_left(lake: Lake, bus: tuple[str, str]) -> None:
    found = redriven(lake, "errors", str(SAMPLES / "errors"), "--bus", bus[0])
    assert (found["redriven"], found["undeliverable"]) == (12, 1)
    assert any("No bus takes it" in each["reason"] for each in found["left"])


def test_a_queue_that_is_not_there_is_wrong_use(lake: Lake, aws: str) -> None:
    done = lake_command("redrive", "queue", f"{aws}/123456789012/nothing", "--lake", lake.root)
    assert done.returncode == WRONG_USE
    assert "Name a queue of this account and region" in done.stderr


def test_a_bus_that_is_not_there_is_wrong_use_and_nothing_leaves_the_queue(lake: Lake, queue: str) -> None:
    done = lake_command("redrive", "queue", queue, "--bus", "comerce", "--lake", lake.root)
    assert done.returncode == WRONG_USE
    assert "no event bus comerce" in done.stderr
    assert len(bodies(queue)) == 6


def test_while_the_bus_is_out_of_reach_everything_stays_and_the_exit_says_so(lake: Lake, queue: str) -> None:
    out = {"AWS_ENDPOINT_URL_EVENTS": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    done = lake_command("redrive", "queue", queue, "--bus", "commerce", "--json", "--lake", lake.root, **out)
    assert done.returncode == DISK_FAILED
    assert json.loads(done.stdout)["waiting"] == 4
    assert "Not everything was redriven" in done.stderr
    assert len(bodies(queue)) == 6


def test_while_sqs_is_out_of_reach_the_message_says_what_to_do(lake: Lake, aws: str) -> None:
    out = {**at("http://127.0.0.1:9"), "AWS_MAX_ATTEMPTS": "1"}
    done = lake_command("redrive", "queue", f"{aws}/123456789012/x", "--lake", lake.root, **out)
    assert done.returncode == DISK_FAILED
    assert "Check the network" in done.stderr


def test_only_counts_and_places_are_printed(lake: Lake, queue: str) -> None:
    done = lake_command("redrive", "queue", queue, "--lake", lake.root)
    assert done.returncode == DONE
    assert "visitor_id" not in done.stdout + done.stderr
    assert "o-1" not in done.stdout + done.stderr
    assert f"4 records went back. Next: lake run --lake {lake.root}" in done.stderr
