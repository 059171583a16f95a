"""The collector behind a function URL or API Gateway, with a bus in place of the event log."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lambda_events
import pytest
from fake_bus import Answer, FakeBus, answered
from lambda_events import Context

from contracts.errors import UsageError
from ingestion.keys import Keys
from ingestion.webhooks import Secrets
from lambda_handlers import collector

ORIGIN = "https://shop.example"
EVENT = {"event_type": "page_viewed", "event_id": "e-1", "data": {"page_url": "https://shop.example/é"}}
BODY = json.dumps(EVENT, ensure_ascii=False).encode()

Door = Callable[..., FakeBus]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def key(home: Path) -> str:
    return Keys(home / "keys.json").add("web-shop")


@pytest.fixture
def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Sets the function's environment, and gives it a bus."""

    def open_door(*answers: Answer, buses: tuple[str, ...] = ("commerce",)) -> FakeBus:
        client = FakeBus(answers, buses=buses)
        monkeypatch.setattr("lambda_handlers._settings.event_bus_client", lambda: client)
        monkeypatch.setattr("time.sleep", lambda _: None)
        for name in ("LAKE_BUS", "LAKE_CONTRACTS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("LAKE_HOME", str(home))
        monkeypatch.setenv("LAKE_ALLOW_ORIGINS", f"{ORIGIN}, https://other.example")
        return client

    collector.open_door.cache_clear()
    yield open_door
    collector.open_door.cache_clear()
    asyncio.get_event_loop_policy().get_event_loop().close()
    asyncio.set_event_loop(None)


def call(event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    answer = collector.handler(event, Context())  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"] or "null"), answer["headers"]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("encoded", [False, True])
def test_what_is_acknowledged_is_on_the_bus(opened: Door, key: str, *, encoded: bool) -> None:
    client = opened()
    request = lambda_events.request("/v1/events", BODY, headers=bearer(key), encoded=encoded)
    assert call(request)[:2] == (202, {"accepted": 1})
    assert call(request)[0] == 202  # a second one by the same process
    (entry, _) = client.accepted
    detail = json.loads(entry["Detail"])
    assert (entry["Source"], entry["DetailType"]) == ("web-shop", "page_viewed")
    assert (detail["metadata"]["event_id"], detail["page_url"]) == ("e-1", EVENT["data"]["page_url"])  # type: ignore[index]


def test_a_rest_api_says_it_in_another_way(opened: Door, key: str) -> None:
    client = opened()
    assert call(lambda_events.gateway_v1("/v1/events", BODY, {"Authorization": f"Bearer {key}"}))[0] == 202
    assert len(client.accepted) == 1


def test_a_beacon_brings_its_key_in_the_address(opened: Door, key: str) -> None:
    opened()
    assert call(lambda_events.request("/v1/events", BODY, query=f"key={key}"))[0] == 202
    assert call(lambda_events.request("/v1/events", BODY, query="key=wrong"))[0] == 401


@pytest.mark.parametrize(
    "answers",
    [
        [answered("InternalException", 500)] * collector.ATTEMPTS,
        [answered("AccessDeniedException")],
        [{1: "ThrottlingException"}, *[{0: "ThrottlingException"}] * 2],
    ],
)
def test_what_the_bus_did_not_accept_in_whole_is_to_be_sent_again(
    opened: Door, key: str, answers: list[Answer]
) -> None:
    client = opened(*answers)
    request = lambda_events.request("/v1/events", json.dumps([EVENT, EVENT]).encode(), headers=bearer(key))
    status, _, headers = call(request)
    assert (status, headers["retry-after"], len(client.calls)) == (503, "10", len(answers))
    assert call(request)[0] == 202


def test_what_no_bus_takes_is_refused_for_good(opened: Door, key: str) -> None:
    client = opened()
    status, told, _ = call(lambda_events.request("/v1/events", b"{broken", headers=bearer(key)))
    assert (status, "No bus takes it" in told["error"], client.calls) == (413, True, [])


def test_a_webhook_is_taken_by_the_secret_in_the_folder(opened: Door, home: Path) -> None:
    Secrets(home / "secrets").add("stripe", "s3cret")
    client = opened()
    body = b'{"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"captured": true}}}'
    now = int(time.time())
    signature = hmac.new(b"s3cret", f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={now},v1={signature}"}
    for encoded in (False, True):
        path = "/v1/webhooks/stripe"
        assert call(lambda_events.request(path, body, headers=headers, encoded=encoded))[0] == 202
    assert call(lambda_events.request(path, body + b" ", headers=headers))[0] == 401
    assert body.decode() in client.accepted[0]["Detail"]


def test_pages_of_named_origins_may_send(opened: Door, key: str) -> None:
    assert key
    opened()
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    status, headers = _preflight(asked)
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert _preflight({**asked, "origin": "https://else.example"})[0] == 400


def _preflight(headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    answer = collector.handler(
        lambda_events.request("/v1/events", headers=headers, method="OPTIONS"),
        Context(),  # type: ignore[arg-type]
    )
    return answer["statusCode"], answer["headers"]


def test_without_a_bus_or_a_key_or_a_folder_the_door_does_not_open(
    opened: Door, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(buses=())
    with pytest.raises(UsageError, match="Nobody has a key"):
        call(lambda_events.request("/health", method="GET"))
    Keys(home / "keys.json").add("web-shop")
    with pytest.raises(UsageError, match="no event bus commerce"):
        call(lambda_events.request("/health", method="GET"))
    monkeypatch.setenv("LAKE_HOME", str(home / "nowhere"))
    with pytest.raises(UsageError, match="LAKE_HOME"):
        call(lambda_events.request("/health", method="GET"))
    opened()
    assert call(lambda_events.request("/health", method="GET"))[:2] == (200, {"alive": True})
