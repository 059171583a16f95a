from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_bus import LOST, PASSING, FakeBus, answered, size

from contracts.declarations import load_declarations
from contracts.errors import InvalidEventError, LakeError, StorageError, UsageError
from ingestion.event_bridge import EventBridgePublisher
from ingestion.outbox import Outbox
from ingestion.put_events import FIRST_WAIT, LONGEST_WAIT, MOST_BYTES

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
INVALID: dict[str, Any] = {"event_type": "customer_registered", "data": {"customer_id": 7}}

NewPublisher = Callable[[FakeBus], EventBridgePublisher]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db") as opened:
        yield opened


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def new_publisher(outbox: Outbox, waits: list[float]) -> NewPublisher:
    return lambda bus: publisher(bus, outbox, waits)


def publisher(bus: FakeBus, outbox: Outbox, waits: list[float]) -> EventBridgePublisher:
    return EventBridgePublisher(
        load_declarations(),
        bus,
        outbox,
        bus="commerce",
        source="shop",
        clock=lambda: NOW,
        sleep=waits.append,
        attempts=6,
    )


def events(number: int, note: str = "") -> list[dict[str, Any]]:
    return [
        {
            "event_type": "customer_registered",
            "event_id": f"e{i}",
            "data": {"customer_id": "c1"} | ({"note": note} if note else {}),
        }
        for i in range(number)
    ]


def of_size(total: int) -> dict[str, Any]:
    """An event whose entry has so many bytes."""
    bus = FakeBus()
    with Outbox(Path(":memory:")) as outbox:
        publisher(bus, outbox, []).publish(events(1, note="é"))
    rest = total - size(bus.accepted[0])
    return events(1, note="é" + "x" * rest)[0]


def ids(entries: list[dict[str, Any]]) -> list[str]:
    return [json.loads(entry["Detail"])["metadata"]["event_id"] for entry in entries]


def kept(outbox: Outbox) -> list[str]:
    return [json.loads(each.record)["detail"]["metadata"]["event_id"] for each in outbox.kept(most=100_000)]


def test_an_entry_says_what_the_envelope_says(new_publisher: NewPublisher) -> None:
    bus = FakeBus()
    new_publisher(bus).publish(events(1))
    (entry,) = bus.accepted
    detail = json.loads(entry.pop("Detail"))
    assert entry == {
        "Source": "shop",
        "DetailType": "customer_registered",
        "EventBusName": "commerce",
        "Time": NOW,
    }
    assert detail["customer_id"] == "c1"
    assert detail["metadata"]["event_id"] == "e0"
    assert detail["metadata"]["received_at"] == "2026-03-01T12:30:00Z"


def test_where_nothing_fails_ten_events_share_a_call(new_publisher: NewPublisher, waits: list[float]) -> None:
    bus = FakeBus()
    sent = new_publisher(bus).publish(events(1000))
    assert (sent.published, sent.deferred, sent.calls) == (1000, 0, 100)
    assert len(bus.calls) / len(bus.accepted) <= 0.1
    assert ids(bus.accepted) == [f"e{i}" for i in range(1000)]
    assert waits == []


def test_calls_are_cut_by_bytes_too(new_publisher: NewPublisher) -> None:
    bus = FakeBus()
    new_publisher(bus).publish(events(10, note="x" * 300_000))
    assert [len(call) for call in bus.calls] == [3, 3, 3, 1]


def test_only_the_entries_that_failed_are_sent_again_in_their_order(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus([dict.fromkeys((1, 4, 7), "ThrottlingException"), {0: "InternalFailure"}])
    sent = new_publisher(bus).publish(events(10))
    assert [ids(call) for call in bus.calls[1:]] == [["e1", "e4", "e7"], ["e1"]]
    assert (sent.published, sent.deferred, sent.calls) == (10, 0, 3)
    assert kept(outbox) == []


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
def test_a_call_that_failed_for_a_while_is_made_again(
    new_publisher: NewPublisher, waits: list[float], error: Exception
) -> None:
    bus = FakeBus([error] * 5)
    sent = new_publisher(bus).publish(events(3))
    assert (sent.published, sent.deferred, sent.calls) == (3, 0, 6)
    assert len(waits) == 5
    assert all(0 <= wait <= FIRST_WAIT * 2**i <= LONGEST_WAIT for i, wait in enumerate(waits))


def test_waits_are_drawn_by_chance_so_that_producers_do_not_come_together(
    new_publisher: NewPublisher, waits: list[float]
) -> None:
    to_send = new_publisher(FakeBus([PASSING[0], None] * 20))
    for each in events(20):
        to_send.publish([each])
    assert len(set(waits)) == 20
    assert min(waits) < FIRST_WAIT / 2 < max(waits)


def test_an_event_whose_answer_was_lost_is_sent_again_under_the_same_id(new_publisher: NewPublisher) -> None:
    bus = FakeBus([LOST])
    assert new_publisher(bus).publish(events(1)).published == 1
    assert ids(bus.accepted) == ["e0", "e0"]


def test_a_bus_that_is_down_costs_the_calls_for_one_batch_and_keeps_the_order(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    sent = new_publisher(FakeBus([PASSING[5]] * 100)).publish(events(500))
    assert (sent.published, sent.deferred, sent.calls) == (0, 500, 6)
    assert kept(outbox) == [f"e{i}" for i in range(500)]
    assert "ReadTimeoutError" in outbox.kept(most=500)[-1].reason


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [
        ("AccessDeniedException", StorageError, 4),
        ("ExpiredTokenException", StorageError, 4),
        ("ValidationException", UsageError, 2),
    ],
)
def test_a_call_that_is_refused_is_made_once_and_its_events_are_kept(
    new_publisher: NewPublisher, outbox: Outbox, code: str, kind: type[LakeError], exit_code: int
) -> None:
    bus = FakeBus([answered(code)] * 100)
    with pytest.raises(kind, match=f"commerce does not take events .*{code}.*outbox drain") as caught:
        new_publisher(bus).publish(events(25))
    assert caught.value.exit_code == exit_code
    assert len(bus.calls) == 1
    assert kept(outbox) == [f"e{i}" for i in range(25)]


def test_an_entry_that_is_refused_is_kept_and_told_and_the_others_go_on(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus([{3: "NotAuthorizedForSourceException"}])
    with pytest.raises(StorageError, match="NotAuthorizedForSource"):
        new_publisher(bus).publish(events(25))
    assert kept(outbox) == ["e3"]
    assert len(bus.accepted) == 24


def test_an_entry_that_the_bus_can_never_take_is_undeliverable(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus([{3: "MalformedDetail"}])
    sent = new_publisher(bus).publish(events(10))
    assert (sent.published, sent.deferred, sent.calls) == (9, 1, 1)
    (found,) = outbox.kept(most=10)
    assert (found.is_deliverable, found.reason) == (False, "MalformedDetail: It said so")


def test_a_defect_raises_as_it_is_and_the_events_are_kept(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    with pytest.raises(ZeroDivisionError):
        new_publisher(FakeBus([None, ZeroDivisionError()])).publish(events(25))
    assert kept(outbox) == [f"e{i}" for i in range(10, 25)]


def test_a_publish_that_is_broken_off_keeps_what_was_not_accepted(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus()

    def interrupt() -> None:
        if len(bus.calls) == 1:
            raise KeyboardInterrupt

    bus.watch = interrupt
    with pytest.raises(KeyboardInterrupt):
        new_publisher(bus).publish(events(25))
    assert kept(outbox) == [f"e{i}" for i in range(10, 25)]
    assert "broken off" in outbox.kept(most=1)[0].reason


def test_a_bus_that_does_not_exist_gets_nothing_as_it_would_drop_it(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus(buses=["stores"])
    with pytest.raises(UsageError, match="no event bus commerce"):
        new_publisher(bus).publish(events(3))
    assert bus.calls == []
    assert kept(outbox) == ["e0", "e1", "e2"]


@pytest.mark.parametrize("below", [1, 0])
def test_an_entry_up_to_the_limit_is_sent(new_publisher: NewPublisher, below: int) -> None:
    bus = FakeBus()
    assert new_publisher(bus).publish([of_size(MOST_BYTES - below)]).published == 1
    assert size(bus.accepted[0]) == MOST_BYTES - below


def test_an_entry_above_the_limit_is_refused_by_name_size_and_limit(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus()
    said = f"event 1: customer_registered e0: The entry has {MOST_BYTES + 1} bytes; EventBridge takes at most {MOST_BYTES}."
    with pytest.raises(InvalidEventError, match=re.escape(said)):
        new_publisher(bus).publish([events(1)[0], of_size(MOST_BYTES + 1)])
    assert (bus.calls, kept(outbox)) == ([], [])


def test_an_entry_above_the_limit_that_is_sent_anyway_blocks_nothing(
    new_publisher: NewPublisher, outbox: Outbox
) -> None:
    bus = FakeBus()
    to_send = new_publisher(bus)
    sent = to_send.publish([events(1)[0], of_size(MOST_BYTES + 1), events(3)[2]], on_invalid="send")
    assert (sent.published, sent.invalid, sent.deferred) == (2, 1, 1)
    assert ids(bus.accepted) == ["e0", "e2"]
    drained = to_send.drain()
    assert (drained.sent, drained.waiting, drained.undeliverable, drained.calls) == (0, 0, 1, 0)
    assert "bytes" in outbox.kept(most=1)[0].reason


@pytest.mark.parametrize(
    "record",
    [
        b"not json",
        b"\xff",
        b"[" * 5000,
        b'{"detail-type": "x", "source": "", "detail": {}}',
        b'{"detail-type": "x", "source": "y", "detail": 7}',
        b'{"detail-type": "x", "source": "y"}',
    ],
)
def test_what_cannot_be_an_entry_is_undeliverable_and_refused_unless_sent(
    new_publisher: NewPublisher, outbox: Outbox, record: bytes
) -> None:
    bus = FakeBus()
    with pytest.raises(InvalidEventError, match="No bus takes it"):
        new_publisher(bus).publish([record])
    sent = new_publisher(bus).publish([record, *events(1)], on_invalid="send")
    assert (sent.published, sent.invalid, sent.deferred) == (1, 1, 1)
    (found,) = outbox.kept(most=10)
    assert (found.record, found.is_deliverable) == (record, False)


def test_refuse_names_events_that_do_not_fit_their_contract(new_publisher: NewPublisher) -> None:
    bus = FakeBus()
    with pytest.raises(InvalidEventError, match=r"1 of 2 events.*\n.*event 1: customer_registered"):
        new_publisher(bus).publish([*events(1), INVALID])
    assert bus.calls == []


def test_send_sends_the_invalid_ones_too(new_publisher: NewPublisher) -> None:
    bus = FakeBus()
    sent = new_publisher(bus).publish([*events(1), INVALID], on_invalid="send")
    assert (sent.published, sent.invalid, sent.deferred) == (2, 1, 0)
    assert len(bus.accepted) == 2
