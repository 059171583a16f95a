"""A stream's batch becomes events on a bus; what was not sent is told, so that it comes again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import lambda_events
import pytest
from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from fake_bus import FakeBus, answered
from lambda_events import Context

from contracts.errors import UsageError
from ingestion.bus import Bus
from ingestion.relay import Relay
from lambda_handlers import streams
from lambda_handlers._memory import Memory
from tests.records import DECLARATIONS

NOW = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
THROTTLED = "ThrottlingException"


class Table(BasePersistenceLayer):
    """A table of powertools' in memory, which fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, DataRecord] = {}
        self.error: Exception | None = None

    def _get_record(self, idempotency_key: str) -> DataRecord:
        if self.error:
            raise self.error
        if idempotency_key not in self.kept:
            raise IdempotencyItemNotFoundError
        return self.kept[idempotency_key]

    def _update_record(self, data_record: DataRecord) -> None:
        if self.error:
            raise self.error
        self.kept[data_record.idempotency_key] = data_record

    def _put_record(self, data_record: DataRecord) -> None:
        raise NotImplementedError

    def _delete_record(self, data_record: DataRecord) -> None:
        raise NotImplementedError


def answer(
    event: dict[str, Any], client: FakeBus, source: str = "dynamodb", table: Table | None = None
) -> list[str]:
    """Sequence numbers of the records that have to come again."""
    bus = Bus(client, "commerce", attempts=2, sleep=lambda _: None)
    relay = Relay(DECLARATIONS.source(source), bus, clock=lambda: NOW)
    response = streams.respond(event, Context(), relay, Memory(table, streams.logger))
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


def sequences(event: dict[str, Any]) -> list[str]:
    return [each["dynamodb"]["SequenceNumber"] for each in event["Records"]]


def payloads(client: FakeBus) -> list[Any]:
    return [json.loads(entry["Detail"])["payload"] for entry in client.accepted]


def test_of_three_records_the_one_that_failed_is_told_and_one_call_was_enough_for_all() -> None:
    event, client = lambda_events.dynamodb(3), FakeBus([{1: "MalformedDetail"}])
    assert answer(event, client) == sequences(event)[1:2]
    assert len(client.calls) == 1
    assert payloads(client) == [event["Records"][0], event["Records"][2]]
    assert {(each["Source"], each["EventBusName"]) for each in client.accepted} == {("dynamodb", "commerce")}


def test_a_batch_that_was_sent_is_done() -> None:
    event, client = lambda_events.dynamodb(5), FakeBus()
    assert (answer(event, client), len(client.accepted)) == ([], 5)


def test_while_the_bus_is_out_of_reach_the_batch_comes_again_in_whole() -> None:
    event, client = lambda_events.dynamodb(3), FakeBus([answered("InternalException", 500)] * 2)
    assert answer(event, client) == sequences(event)
    assert client.accepted == []


def test_what_comes_again_makes_the_same_details_so_that_it_counts_once() -> None:
    event = lambda_events.dynamodb(3)
    first, again = FakeBus(), FakeBus()
    answer(event, first)
    answer(event, again)
    assert [each["Detail"] for each in first.accepted] == [each["Detail"] for each in again.accepted]


def test_change_records_of_kinesis_are_sent_as_they_came() -> None:
    sent = (lambda_events.SOURCES / "dms/sent.ndjson").read_bytes().splitlines()
    client = FakeBus()
    assert answer(lambda_events.kinesis(*sent), client, "dms") == []
    assert 0 < len(client.accepted) <= len(sent)
    assert all(json.dumps(each) for each in payloads(client))
    details = [entry["Detail"].encode() for entry in client.accepted]
    assert all(any(payload in detail for payload in sent) for detail in details)
    assert {each["Source"] for each in client.accepted} == {"dms"}


def test_a_record_of_kinesis_that_is_no_json_is_told() -> None:
    sent = (lambda_events.SOURCES / "dms/sent.ndjson").read_bytes().splitlines()
    event, client = lambda_events.kinesis(b"\x00\x01", *sent), FakeBus()
    assert answer(event, client, "dms") == [event["Records"][0]["kinesis"]["sequenceNumber"]]
    assert client.accepted


def test_with_a_table_what_was_sent_is_not_sent_again() -> None:
    event, table = lambda_events.dynamodb(3), Table()
    first = FakeBus([{1: "MalformedDetail"}])
    assert answer(event, first, table=table) == sequences(event)[1:2]
    again = FakeBus()
    assert answer({"Records": event["Records"][1:]}, again, table=table) == []
    assert payloads(again) == event["Records"][1:2]
    assert len(table.kept) == 3


def test_a_table_forgets_after_a_day() -> None:
    event, table = lambda_events.dynamodb(1), Table()
    answer(event, FakeBus(), table=table)
    for each in table.kept.values():
        assert each.expiry_timestamp
        each.expiry_timestamp = 1
    again = FakeBus()
    assert (answer(event, again, table=table), len(again.accepted)) == ([], 1)


def test_a_table_out_of_reach_holds_up_nothing_and_a_defect_is_not_hidden() -> None:
    event, table, client = lambda_events.dynamodb(2), Table(), FakeBus()
    table.error = answered("ResourceNotFoundException", operation="GetItem")
    assert (answer(event, client, table=table), len(client.accepted)) == ([], 2)
    table.error = RuntimeError("a defect")
    with pytest.raises(RuntimeError, match="a defect"):
        answer(event, client, table=table)


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("LAKE_SOURCE", "LAKE_BUS", "LAKE_CONTRACTS", "LAKE_IDEMPOTENCY_TABLE"):
        monkeypatch.delenv(name, raising=False)
    streams.make_relay.cache_clear()
    streams.make_memory.cache_clear()
    yield
    streams.make_relay.cache_clear()
    streams.make_memory.cache_clear()


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("name", [None, "arn:aws:events:eu-west-1:123456789012:event-bus/shop"])
def test_the_function_takes_source_and_bus_from_its_environment(
    name: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = FakeBus([{0: "MalformedDetail"}], buses=[name or "commerce"])
    monkeypatch.setattr("lambda_handlers._settings.event_bus_client", lambda: client)
    if name:
        monkeypatch.setenv("LAKE_BUS", name)
    event = lambda_events.dynamodb(3)
    assert streams.handler(event, Context()) == {
        "batchItemFailures": [{"itemIdentifier": sequences(event)[0]}]
    }
    assert {each["EventBusName"] for each in client.accepted} == {name or "commerce"}
    told = capsys.readouterr().out
    assert ('"RecordsTaken":[2.0]' in told, '"RecordsNotSent":[1.0]' in told) == (True, True)
    (logged,) = (vars(each) for each in caplog.records)
    assert (logged["records"], logged["said"]) == (1, ["MalformedDetail: It said so"])
    assert "v-1" not in told + str(logged)


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(("name", "value"), [("LAKE_SOURCE", "dynamo"), ("LAKE_CONTRACTS", "/nowhere")])
def test_a_setting_that_cannot_be_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambda_handlers._settings.event_bus_client", FakeBus)
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=value):
        streams.handler(lambda_events.dynamodb(1), Context())
