"""A stream's batch through the whole function against moto: EventBridge as boto3 speaks it, and the table of what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lakehouse._aws import client
from lambda_handlers import streams
from tests.unit import lambda_events

NAME = "streams-tests"


@pytest.fixture
def queue(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A queue that gets everything that the function sends; its environment names the bus and the table."""
    assert aws
    url: str = client("sqs").create_queue(QueueName=NAME)["QueueUrl"]
    asked = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    client("events").create_event_bus(Name=NAME)
    client("events").put_rule(Name="all", EventBusName=NAME, EventPattern='{"source": ["dynamodb"]}')
    client("events").put_targets(Rule="all", EventBusName=NAME, Targets=[{"Id": "queue", "Arn": arn}])
    client("dynamodb").create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("LAKE_BUS", NAME)
    monkeypatch.setenv("LAKE_IDEMPOTENCY_TABLE", NAME)
    forget()
    yield url
    forget()


def forget() -> None:
    """As in a new process."""
    streams.make_relay.cache_clear()
    streams.make_memory.cache_clear()


def received(queue: str) -> list[Any]:
    """Payloads of the events that arrived, in the order of their event ids."""
    found: list[Any] = []
    while answer := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in answer:
            found.append(json.loads(message["Body"])["detail"]["payload"])
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found, key=lambda each: each["eventID"])


def test_a_batch_is_on_the_bus_but_for_the_record_that_no_bus_takes(queue: str) -> None:
    event = lambda_events.dynamodb(12)
    large = event["Records"][1]
    large["dynamodb"]["NewImage"]["note"] = {"S": "x" * 1_000_000}
    answer = streams.handler(event, lambda_events.Context())
    sequence = large["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    sent = [event["Records"][0], *event["Records"][2:]]
    assert received(queue) == sent
    del large["dynamodb"]["NewImage"]["note"]
    again = {"Records": event["Records"][1:]}  # as the stream delivers it
    assert streams.handler(again, lambda_events.Context()) == {"batchItemFailures": []}
    assert received(queue) == [large]
    assert client("dynamodb").scan(TableName=NAME)["Count"] == len(event["Records"])
