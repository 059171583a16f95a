"""Publishing against moto: the API as boto3 speaks it. moto delivers to targets at once and in whole, which says nothing of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import at, settings

from contracts.declarations import load_declarations
from contracts.errors import StorageError, UsageError
from contracts.validation import Reading, Validator
from ingestion.event_bridge import EventBridgePublisher, event_bus_client
from ingestion.outbox import Counts, Outbox
from ingestion.put_events import Entry, Failure, Sender
from lakehouse._aws import client

BUS = "publisher-tests"
DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def queue(aws: str) -> str:
    """A queue that gets everything the bus does."""
    assert aws
    url: str = client("sqs").create_queue(QueueName=BUS)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    client("events").create_event_bus(Name=BUS)
    client("events").put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["shop", "crm"]}')
    client("events").put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return url


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


def publisher(outbox: Outbox, bus: str = BUS) -> EventBridgePublisher:
    return EventBridgePublisher(
        load_declarations(),
        event_bus_client(),
        outbox,
        bus=bus,
        source="shop",
        sleep=lambda _: None,
        attempts=2,
    )


def events(number: int) -> list[dict[str, Any]]:
    data = {"customer_id": "c-é"}
    return [{"event_type": "customer_registered", "event_id": f"e{i}", "data": data} for i in range(number)]


def received(queue: str) -> list[bytes]:
    found: list[bytes] = []
    while answer := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in answer:
            found.append(message["Body"].encode())
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def ids(records: list[bytes]) -> list[str]:
    return sorted(json.loads(each)["detail"]["metadata"]["event_id"] for each in records)


def test_events_come_out_as_records_that_fit_their_contract(queue: str, outbox: Outbox) -> None:
    sent = publisher(outbox).publish(events(25))
    assert (sent.published, sent.deferred, sent.calls) == (25, 0, 3)
    records = received(queue)
    assert ids(records) == sorted(f"e{i}" for i in range(25))
    assert all(isinstance(Validator(load_declarations()).read(each), Reading) for each in records)


def test_while_the_service_is_out_of_reach_events_are_kept_and_then_drained(
    aws: str, queue: str, outbox: Outbox
) -> None:
    with settings(**at(DEAD)):
        sent = publisher(outbox).publish(events(25))
    assert (sent.published, sent.deferred, sent.calls) == (0, 25, 2)
    assert received(queue) == []
    with settings(**at(aws)):
        drained = publisher(outbox).drain()
    assert (drained.sent, drained.waiting, drained.calls) == (25, 0, 3)
    assert ids(received(queue)) == sorted(f"e{i}" for i in range(25))


def test_a_bus_that_is_not_there_gets_nothing(queue: str, outbox: Outbox) -> None:
    assert queue
    with pytest.raises(UsageError, match="no event bus comerce"):
        publisher(outbox, bus="comerce").publish(events(3))
    assert outbox.counts() == Counts(3, 0)


def test_without_credentials_events_are_kept(
    aws: str, outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # which remembers credentials
    nobody = {k: v for k, v in at(aws).items() if "KEY" not in k}
    with (
        settings(**nobody, AWS_CONFIG_FILE=str(tmp_path), AWS_SHARED_CREDENTIALS_FILE=str(tmp_path)),
        pytest.raises(StorageError, match=r"NoCredentialsError.*permissions"),
    ):
        publisher(outbox).publish(events(3))
    assert outbox.counts() == Counts(3, 0)


def test_of_one_call_some_entries_may_fail_and_are_told_apart(queue: str) -> None:
    def entry(detail: str) -> Entry:
        words = {"Source": "shop", "DetailType": "x", "EventBusName": BUS, "Detail": detail}
        return Entry(b"", words, len(detail))

    sender = Sender(event_bus_client(), attempts=3, sleep=lambda _: None)
    batch = [entry("{}"), entry("{"), entry("{}")]
    outcome = sender.send(batch)
    assert outcome.accepted == [batch[0], batch[2]]
    assert outcome.failures[batch[1]] == Failure(
        "unfit", "MalformedDetail", "MalformedDetail: Detail is malformed"
    )
    assert sender.calls == 1
    assert len(received(queue)) == 2


def test_the_program_of_the_cookbook_sends_and_the_outbox_is_empty(
    queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs" / "cookbooks" / "publish-from-python.md"
    program = re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path)
    exec(program.replace('"commerce"', repr(BUS)), {})
    (record,) = received(queue)
    assert isinstance(Validator(load_declarations()).read(record), Reading)
    with Outbox(tmp_path / "outbox.db") as outbox:
        assert outbox.counts() == Counts(0, 0)


def test_a_client_makes_each_request_once(aws: str) -> None:
    assert re.match(aws, event_bus_client().meta.endpoint_url)
    assert event_bus_client().meta.config.retries["total_max_attempts"] == 1
