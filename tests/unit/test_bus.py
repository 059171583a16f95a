"""Sending without an outbox: what was not accepted is told, for a stream or a client to send again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_bus import Answer, FakeBus, answered
from starlette.testclient import TestClient

from contracts.errors import UsageError
from ingestion.bus import Bus, BusSink
from ingestion.collector import Collector
from ingestion.documents import Document
from ingestion.keys import Keys
from ingestion.relay import Relay
from ingestion.webhooks import Secrets, Webhooks
from tests.records import DECLARATIONS, event, line

NOW = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
SENT = Path(__file__).parents[1] / "e2e" / "sources" / "dynamodb" / "sent.ndjson"
THROTTLED = "ThrottlingException"


class ScriptedBus(FakeBus):
    """A bus that is told within a test how to answer next."""

    def answer_with(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)


def bus(client: FakeBus, attempts: int = 2) -> Bus:
    return Bus(client, "commerce", attempts=attempts, sleep=lambda _: None)


def records(number: int, **data: Any) -> list[bytes]:
    return [line(event("page_viewed", f"e{i}", **data)) for i in range(number)]


def ids(client: FakeBus) -> list[str]:
    return [json.loads(entry["Detail"])["metadata"]["event_id"] for entry in client.accepted]


def sent(client: FakeBus, given: list[bytes], attempts: int = 2) -> list[str | None]:
    sender = bus(client, attempts)
    return [each.said if each else None for each in sender.send(sender.read(given))]


def test_what_fits_into_one_call_is_one_call() -> None:
    client = FakeBus()
    assert sent(client, records(10)) == [None] * 10
    assert len(client.calls) == 1


def test_what_follows_an_event_that_failed_for_now_is_not_sent() -> None:
    client = FakeBus([{3: THROTTLED}, {0: THROTTLED}])
    told = sent(client, records(25))
    assert [i for i, each in enumerate(told) if each] == [3, *range(10, 25)]
    assert told[3] == f"{THROTTLED}: It said so"
    assert (len(client.calls), ids(client)) == (2, [f"e{i}" for i in range(10) if i != 3])


def test_what_no_bus_takes_holds_up_nothing() -> None:
    client = FakeBus([{0: "MalformedDetail"}])
    told = sent(client, [b"no JSON", *records(20)])
    assert [i for i, each in enumerate(told) if each] == [0, 1]
    assert len(ids(client)) == 19


def test_a_bus_that_is_not_there_gets_nothing() -> None:
    client = FakeBus(buses=[])
    with pytest.raises(UsageError, match="no event bus commerce"):
        sent(client, records(1))
    assert client.calls == []


def changes() -> list[dict[str, Any]]:
    return [each for text in SENT.read_text().splitlines() for each in json.loads(text)["Records"]]


def documents() -> list[Document]:
    return [Document(json.dumps(each).encode()) for each in changes()]


def relay(client: FakeBus) -> Relay:
    return Relay(DECLARATIONS.source("dynamodb"), bus(client), clock=lambda: NOW)


def test_each_document_of_which_an_event_failed_is_told() -> None:
    given = documents()
    client = FakeBus([{4: THROTTLED}, {0: THROTTLED}])
    told = relay(client).send(given)
    (failed,) = client.calls[1]
    first = next(i for i, each in enumerate(told) if each)
    assert json.loads(failed["Detail"])["payload"] == changes()[first]
    assert told[first] == f"{THROTTLED}: It said so"
    handed_over_again = given[first:]
    assert relay(client).send(handed_over_again) == [None] * len(handed_over_again)
    everything = FakeBus()
    relay(everything).send(given)
    payloads = [{entry["Detail"] for entry in each.accepted} for each in (client, everything)]
    assert payloads[0] == payloads[1]


def test_documents_that_become_nothing_are_done() -> None:
    client = FakeBus()
    assert relay(client).send([Document(b'{"eventName": "REMOVE"}')]) == [None]
    assert client.calls == []


def test_a_document_that_is_no_json_is_told_and_the_others_are_sent() -> None:
    client = FakeBus()
    first, last = documents()[:1], documents()[1:2]
    told = relay(client).send([*first, Document(b"{broken"), Document(b"\xff"), *last])
    assert [bool(each) for each in told] == [False, True, True, False]
    assert len(client.accepted) == 2


@pytest.fixture
def client() -> ScriptedBus:
    return ScriptedBus()


@pytest.fixture
def door(tmp_path: Path, client: ScriptedBus) -> Iterator[TestClient]:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("shop")
    webhooks = Webhooks(DECLARATIONS, Secrets(tmp_path / "secrets"))
    collector = Collector(DECLARATIONS, BusSink(bus(client)), keys, webhooks, clock=lambda: NOW)
    with TestClient(collector.app(), headers={"authorization": f"Bearer {key}"}) as made:
        yield made


def details(event_id: str, **data: Any) -> dict[str, Any]:
    return {"event_type": "page_viewed", "event_id": event_id, "data": data}


def test_the_door_acknowledges_what_the_bus_accepted(door: TestClient, client: ScriptedBus) -> None:
    answer = door.post("/v1/events", json=[details("a"), details("b")])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    assert (ids(client), client.accepted[0]["Source"]) == (["a", "b"], "shop")
    assert door.get("/ready").status_code == 200


@pytest.mark.parametrize(
    "answers",
    [
        [{1: THROTTLED}, {0: THROTTLED}],
        [answered("AccessDeniedException")],
        [answered("InternalException", 500), answered("InternalException", 500)],
        [{1: "NotAuthorizedForSourceException"}],
    ],
)
def test_the_door_acknowledges_nothing_of_what_was_accepted_in_part(
    door: TestClient, client: ScriptedBus, answers: list[Any]
) -> None:
    client.answer_with(answers)
    answer = door.post("/v1/events", json=[details("a"), details("b")])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert door.get("/ready").status_code == 503
    again = door.post("/v1/events", json=[details("a"), details("b")])
    assert (again.status_code, set(ids(client))) == (202, {"a", "b"})
    assert door.get("/ready").status_code == 200


@pytest.mark.parametrize("body", [b"{broken", b'"text"', b'{"event_type": "page_viewed", "data": [1]}'])
def test_what_no_bus_takes_is_refused_before_anything_is_sent(
    door: TestClient, client: ScriptedBus, body: bytes
) -> None:
    answer = door.post("/v1/events", content=body)
    assert answer.status_code == 413
    assert "No bus takes it" in answer.json()["error"]
    large = door.post("/v1/events", json=[details("a"), details("b", note="x" * 1_000_000)])
    assert (large.status_code, client.calls) == (413, [])


def test_what_the_bus_finds_unfit_is_refused_for_good(door: TestClient, client: ScriptedBus) -> None:
    client.answer_with([{1: "MalformedDetail"}])
    assert door.post("/v1/events", json=[details("a"), details("b")]).status_code == 413
    assert door.get("/ready").status_code == 200


def test_a_door_whose_bus_is_not_there_does_not_open(tmp_path: Path) -> None:
    webhooks = Webhooks(DECLARATIONS, Secrets(tmp_path / "secrets"))
    sink = BusSink(bus(FakeBus(buses=[])))
    collector = Collector(DECLARATIONS, sink, Keys(tmp_path / "keys.json"), webhooks)
    with pytest.raises(UsageError, match="no event bus"), TestClient(collector.app()):
        pass


def test_a_bus_that_could_not_be_asked_at_first_is_asked_before_anything_is_sent(tmp_path: Path) -> None:
    client = FakeBus(buses=[])
    describe, client.describe_event_bus = client.describe_event_bus, unreachable  # type: ignore[method-assign]
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("shop")
    collector = Collector(
        DECLARATIONS, BusSink(bus(client)), keys, Webhooks(DECLARATIONS, Secrets(tmp_path / "secrets"))
    )
    with TestClient(collector.app(), headers={"authorization": f"Bearer {key}"}) as door:
        client.describe_event_bus = describe  # type: ignore[method-assign]
        assert door.post("/v1/events", json=details("a")).status_code == 503
    assert client.calls == []


def unreachable(**_: str) -> dict[str, str]:
    raise answered("InternalException", 500, "DescribeEventBus")
