from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from contracts.declarations import load_declarations
from contracts.errors import InvalidEventError, UsageError
from contracts.validation import MAX_RECORD_BYTES, Reading, Validator
from ingestion.envelopes import new_id
from ingestion.event_log import EventLog, Landing
from ingestion.publisher import Publisher

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
VALID: dict[str, Any] = {"event_type": "customer_registered", "data": {"customer_id": "c1"}}
INVALID: dict[str, Any] = {"event_type": "customer_registered", "data": {"customer_id": 7}}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "events.sqlite") as opened:
        yield opened


@pytest.fixture
def publisher(log: EventLog) -> Publisher:
    return Publisher(load_declarations(), log, source="shop", clock=lambda: NOW)


def records(log: EventLog, bus: str = "commerce") -> list[bytes]:
    return log.records(Landing("", bus, NOW.replace(minute=0), 1, 1_000_000, 0))


def only(log: EventLog) -> Any:
    (record,) = records(log)
    return json.loads(record)


def test_details_get_an_envelope_that_is_valid(log: EventLog, publisher: Publisher) -> None:
    publisher.publish([VALID])
    assert isinstance(Validator(load_declarations()).read(records(log)[0]), Reading)
    found = only(log)
    assert found["detail-type"] == "customer_registered"
    assert found["source"] == "shop"
    assert found["time"] == "2026-03-01T12:30:00Z"
    assert found["detail"]["customer_id"] == "c1"
    metadata = found["detail"]["metadata"]
    assert metadata["schema_version"] == 1
    assert metadata["occurred_at"] == metadata["received_at"] == "2026-03-01T12:30:00Z"
    assert len({metadata["event_id"], found["id"]}) == 2


def test_metadata_that_is_given_is_kept(log: EventLog, publisher: Publisher) -> None:
    publisher.publish(
        [
            {
                **VALID,
                "event_id": "e1",
                "occurred_at": "2026-01-01T00:00:00Z",
                "channel": "web",
                "source": "crm",
            }
        ]
    )
    found = only(log)
    assert found["source"] == "crm"
    metadata = found["detail"]["metadata"]
    assert (metadata["event_id"], metadata["occurred_at"], metadata["channel"]) == (
        "e1",
        "2026-01-01T00:00:00Z",
        "web",
    )


def test_decimals_are_strings_on_the_bus(log: EventLog, publisher: Publisher) -> None:
    data = {
        "product_id": "p",
        "sku": "s",
        "name": "n",
        "is_active": True,
        "list_price_amount": Decimal("1.50"),
        "currency_code": "USD",
    }
    publisher.publish([{"event_type": "product_updated", "data": data}])
    assert only(log)["detail"]["list_price_amount"] == "1.50"


@pytest.mark.parametrize("data", [b'{"customer_id":"c1"}', b' {"customer_id": "c1"} '])
def test_data_may_be_json_already(log: EventLog, publisher: Publisher, data: bytes) -> None:
    publisher.publish([{**VALID, "data": Raw(data)}])
    assert only(log)["detail"]["customer_id"] == "c1"


def test_empty_json_data_is_an_invalid_event_not_broken_json(log: EventLog, publisher: Publisher) -> None:
    assert publisher.publish([{**VALID, "data": Raw(b"{}")}], on_invalid="send").invalid == 1
    assert set(only(log)["detail"]) == {"metadata"}


def test_a_ready_envelope_keeps_what_it_says_and_gets_its_arrival(
    log: EventLog, publisher: Publisher
) -> None:
    metadata = {
        "event_id": "e1",
        "event_type": "customer_registered",
        "schema_version": 1,
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    detail = {"metadata": metadata, "customer_id": "c1"}
    publisher.publish([{"detail-type": "customer_registered", "source": "crm", "id": "d1", "detail": detail}])
    found = only(log)
    assert (found["id"], found["source"], found["time"]) == ("d1", "crm", "2026-03-01T12:30:00Z")
    assert found["detail"]["metadata"] == {**metadata, "received_at": "2026-03-01T12:30:00Z"}


def test_bytes_are_taken_as_they_are_on_one_line(log: EventLog, publisher: Publisher) -> None:
    assert publisher.publish([b'{"not":\n"ours"}', b"\xff"], on_invalid="send").invalid == 2
    assert records(log) == [b'{"not": "ours"}', b"\xff"]


def test_refuse_publishes_nothing_and_names_the_first_problems(log: EventLog, publisher: Publisher) -> None:
    with pytest.raises(InvalidEventError) as caught:
        publisher.publish([VALID, *[{**INVALID, "event_id": f"e{i}"} for i in range(7)]])
    message = str(caught.value)
    assert "7 of 8 events" in message
    assert "event 1: customer_registered e0: Expected `str`, got `int` - at `$.detail.customer_id`" in message
    assert "and 2 more" in message
    assert len(log) == 0


def test_send_publishes_the_invalid_ones_too_and_counts_them(log: EventLog, publisher: Publisher) -> None:
    result = publisher.publish(
        [VALID, INVALID, {"event_type": "nothing_known", "data": {}}], on_invalid="send"
    )
    assert (result.published, result.invalid) == (3, 2)
    assert len(log) == 3


def test_a_record_that_no_bus_takes_is_invalid(log: EventLog, publisher: Publisher) -> None:
    huge = {**VALID, "note": "x" * MAX_RECORD_BYTES}
    with pytest.raises(InvalidEventError, match="bytes"):
        publisher.publish([huge])
    assert len(log) == 0


def test_data_may_not_take_the_place_of_the_metadata(publisher: Publisher) -> None:
    with pytest.raises(UsageError, match="Rename"):
        publisher.publish([{**VALID, "data": {"metadata": {}}}])


def test_events_go_to_the_bus_of_the_publisher(log: EventLog) -> None:
    Publisher(load_declarations(), log, bus="stores", clock=lambda: NOW).publish([VALID])
    assert records(log) == []
    assert len(records(log, "stores")) == 1


def test_ids_are_random_uuids() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in ids} == {(4, uuid.RFC_4122)}
    assert len(set(ids)) == len(ids)
    assert all(str(uuid.UUID(each)) == each for each in ids)
