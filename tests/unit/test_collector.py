from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from contracts.errors import StorageError, UsageError
from contracts.layout import DEFAULT_BUS
from contracts.validation import Reading, Rejection
from ingestion.collector import Collector, Limits
from ingestion.event_log import EventLog, Landing
from ingestion.group_commit import MOST_WAITING, GroupCommit
from ingestion.keys import Keys
from ingestion.webhooks import Secrets, Webhooks
from tests.records import DECLARATIONS, VALIDATOR, event

ORIGIN = "https://shop.example"
NOW = dt.datetime(2026, 11, 1, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


@pytest.fixture
def webhooks(secrets: Secrets) -> Webhooks:
    return Webhooks(DECLARATIONS, secrets)


Door = Callable[..., TestClient]


@pytest.fixture
def door(log: Path, keys: Keys, webhooks: Webhooks) -> Iterator[Door]:
    opened: list[TestClient] = []

    def open_door(*, waiting: int = MOST_WAITING, **settings: Any) -> TestClient:
        key = keys.add(f"shop-{len(opened)}")
        sink = GroupCommit(log, bus=DEFAULT_BUS, clock=lambda: NOW, most_waiting=waiting)
        made = Collector(DECLARATIONS, sink, keys, webhooks, clock=lambda: NOW, limits=Limits(**settings))
        app = made.app(origins=[ORIGIN])
        client = TestClient(app, headers={"authorization": f"Bearer {key}"})
        client.__enter__()
        opened.append(client)
        return client

    yield open_door
    for each in opened:
        each.__exit__(None, None, None)


def details(event_id: str = "e-1", **changed: Any) -> dict[str, Any]:
    """An event as a head sends it."""
    detail = event("page_viewed", event_id)["detail"]
    metadata = detail.pop("metadata")
    known = {name: metadata[name] for name in ("event_id", "occurred_at")}
    return {"event_type": "page_viewed", **known, "data": detail, **changed}


def records(log: Path) -> list[bytes]:
    with EventLog(log) as opened:
        return opened.records(Landing("", DEFAULT_BUS, NOW.replace(minute=0), 1, 1_000_000, 0))


def test_an_event_is_in_the_log_in_its_envelope_when_the_answer_comes(door: Door, log: Path) -> None:
    answer = door().post("/v1/events", json=details())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (record,) = map(json.loads, records(log))
    metadata = record["detail"]["metadata"]
    assert (metadata["event_id"], metadata["producer"], record["source"]) == ("e-1", "shop-0", "shop-0")
    assert isinstance(VALIDATOR.read(json.dumps(record).encode()), Reading)


def test_a_list_is_taken_in_one_transaction(door: Door, log: Path) -> None:
    assert door().post("/v1/events", json=[details(f"e-{n}") for n in range(50)]).json() == {"accepted": 50}
    assert len(records(log)) == 50


def test_a_beacon_brings_its_key_in_the_address(door: Door, keys: Keys, log: Path) -> None:
    client, key = door(), keys.add("web")
    body = json.dumps(details())
    answer = client.post(f"/v1/events?key={key}", content=body, headers={"content-type": "text/plain", "authorization": ""})  # fmt: skip
    assert answer.status_code == 202
    assert json.loads(records(log)[0])["source"] == "web"


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b"{bro\nken",
        b'"text"',
        b"{\n}",
        b'{"event_type": "unheard_of", "data": {}}',
        b'{"event_type": 5, "data": {}}',
        b'{"event_type": "page_viewed", "data": [1]}',
        b'{"event_type": "page_viewed", "data": {"metadata": {}}}',
        b'{"detail-type": "page_viewed", "detail": 5}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_what_is_invalid_is_taken_for_quarantine(door: Door, log: Path, body: bytes) -> None:
    answer = door().post("/v1/events", content=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (record,) = records(log)
    assert b"\n" not in record
    assert isinstance(VALIDATOR.read(record), Rejection)


@pytest.mark.parametrize(
    ("client", "producer"),
    [("till-3", "shop-0/till-3"), ("", "shop-0"), (None, "shop-0"), (7, "shop-0"), ("web/x", "shop-0/web/x")],
)
def test_each_client_of_a_key_counts_as_a_producer_of_its_own(
    door: Door, log: Path, client: Any, producer: str
) -> None:
    door().post("/v1/events", json=details(producer=client, producer_seq=0, source="another"))
    (record,) = map(json.loads, records(log))
    metadata = record["detail"]["metadata"]
    assert (record["source"], metadata["producer"], metadata["producer_seq"]) == ("shop-0", producer, 0)


def test_an_envelope_is_taken_as_it_is(door: Door, log: Path) -> None:
    door().post("/v1/events", json=event("page_viewed", "mine"))
    (record,) = records(log)
    assert isinstance(VALIDATOR.read(record), Reading)


@pytest.mark.parametrize(
    "headers", [{"authorization": ""}, {"authorization": "Bearer wrong"}, {"authorization": "wrong"}]
)
def test_without_a_key_nothing_is_taken(door: Door, log: Path, headers: dict[str, str]) -> None:
    answer = door().post("/v1/events", json=details(), headers=headers)
    assert (answer.status_code, records(log)) == (401, [])


def test_a_key_that_is_taken_away_opens_no_door(door: Door, keys: Keys) -> None:
    client = door()
    keys.remove("shop-0")
    assert client.post("/v1/events", json=details()).status_code == 401


def test_too_much_is_refused_before_it_is_read(door: Door, log: Path) -> None:
    client = door(body=2000)
    parts = iter([b"[", *(json.dumps(details()).encode() for _ in range(100))])
    assert client.post("/v1/events", content=parts).status_code == 413
    assert client.post("/v1/events", json=[{}] * 501).status_code == 413
    assert client.post("/v1/events", content=b" \n ").status_code == 400
    assert records(log) == []


def test_a_full_disk_is_told_before_anything_is_taken_and_forgotten_once_freed(
    door: Door, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = door()

    def full(*_: Any, **__: Any) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "append", full)
        answer = client.post("/v1/events", json=details())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200
    assert client.post("/v1/events", json=details()).status_code == 202
    assert client.get("/ready").status_code == 200
    assert len(records(log)) == 1


def test_whatever_fails_nobody_waits_for_ever(door: Door, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = door()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "append", broken)
        with pytest.raises(RuntimeError, match="a defect"):
            client.post("/v1/events", json=details())
    assert client.post("/v1/events", json=details()).status_code == 202
    assert len(records(log)) == 1


def test_a_log_that_nobody_lands_is_told(door: Door) -> None:
    client = door(unlanded=1)
    assert client.post("/v1/events", json=details()).status_code == 202
    answer = client.post("/v1/events", json=details())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert client.get("/ready").status_code == 503


def test_while_the_disk_is_busy_only_so_much_may_wait(
    door: Door, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, goes_on = threading.Event(), threading.Event()
    append = EventLog.append

    def slowly(self: EventLog, *words: Any, **more: Any) -> Any:
        writing.set()
        goes_on.wait(10)
        return append(self, *words, **more)

    monkeypatch.setattr(EventLog, "append", slowly)
    client = door(waiting=1)
    first = threading.Thread(target=client.post, args=("/v1/events",), kwargs={"json": details()})
    first.start()
    assert writing.wait(10)
    answer = client.post("/v1/events", json=details())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    goes_on.set()
    first.join()
    assert len(records(log)) == 1


def test_pages_of_named_origins_may_send_and_others_not(door: Door) -> None:
    client = door()
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    allowed = client.options("/v1/events", headers={"origin": ORIGIN, **asked})
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    answered = client.post("/v1/events", json=details(), headers={"origin": ORIGIN})
    assert answered.headers["access-control-expose-headers"] == "retry-after"
    refused = client.options("/v1/events", headers={"origin": "https://other.example", **asked})
    assert "access-control-allow-origin" not in refused.headers


def test_metrics_count_events_and_answers_and_name_nobody_else(door: Door) -> None:
    client = door()
    client.post("/v1/events", json=[details("canary-id"), details()])
    client.post("/v1/events", content=b"")
    told = client.get("/metrics").text
    assert 'lake_collector_events_total{producer="shop-0"} 2.0' in told
    assert 'lake_collector_requests_total{status="400"} 1.0' in told
    assert "canary-id" not in told


def test_every_event_type_is_described(door: Door) -> None:
    described = door().get("/openapi.json").json()
    assert set(described["components"]["schemas"]) == set(DECLARATIONS.events)
    page = described["components"]["schemas"]["page_viewed"]
    assert page["properties"]["data"]["required"]
    assert page["required"] == ["event_type", "data"]


def test_keys_are_kept_as_hashes(keys: Keys, tmp_path: Path) -> None:
    key = keys.add("web-shop")
    assert key not in (tmp_path / "keys.json").read_text()
    assert (keys.producer_of(key), keys.producers()) == ("web-shop", ["web-shop"])
    keys.remove("web-shop")
    assert (keys.producer_of(key), keys.producers()) == (None, [])


@pytest.mark.parametrize("name", ["", "Web", "a b", "-a", "x" * 65])
def test_a_name_that_cannot_be_is_refused(keys: Keys, name: str) -> None:
    with pytest.raises(UsageError, match="no producer's name"):
        keys.add(name)


def test_a_producer_has_one_key(keys: Keys) -> None:
    keys.add("web")
    with pytest.raises(UsageError, match="Remove it first"):
        keys.add("web")
    with pytest.raises(UsageError, match="Keys have: web"):
        keys.remove("app")
