"""Webhooks are taken from who signed them; the senders' own libraries sign here."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe
from standardwebhooks import Webhook
from starlette.testclient import TestClient

from contracts.errors import UsageError
from contracts.sources import SIGNATURES
from ingestion.collector import Collector
from ingestion.event_log import EventLog, Landing
from ingestion.group_commit import MOST_WAITING, GroupCommit
from ingestion.keys import Keys
from ingestion.webhooks import RefusedError, Secrets, Webhooks, verify
from tests.records import DECLARATIONS

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
BODY = '{"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"captured": true}}, "note": "é"}'.encode()
STANDARD, PLAIN, OTHER = "whsec_" + base64.b64encode(b"k" * 24).decode(), "s3cret", "0ther"


def standard(secret: str, at: dt.datetime) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", at, BODY.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": f"{int(at.timestamp())}", "webhook-signature": f"v1a,AAAA {signature}"}  # fmt: skip


def by_stripe(secret: str, at: dt.datetime, body: bytes = BODY) -> dict[str, str]:
    seconds = int(at.timestamp())
    signature = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={seconds},v1={'00' * 32},v1={signature},v0=6ffb"
    stripe.WebhookSignature.verify_header(body.decode(), header, secret, tolerance=None)  # so it is Stripe's
    return {"stripe-signature": header}


def by_shopify(secret: str, _at: dt.datetime) -> dict[str, str]:
    digest = hmac.new(secret.encode(), BODY, hashlib.sha256).digest()
    return {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}


def by_segment(secret: str, _at: dt.datetime) -> dict[str, str]:
    return {"x-signature": hmac.new(secret.encode(), BODY, hashlib.sha1).hexdigest()}


SCHEMES = {
    "standard": (standard, STANDARD),
    "stripe": (by_stripe, PLAIN),
    "shopify": (by_shopify, PLAIN),
    "segment": (by_segment, PLAIN),
}


def test_every_scheme_that_a_source_may_name_is_here() -> None:
    assert set(SCHEMES) == set(SIGNATURES)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_a_source_signed_is_taken_and_nothing_else(scheme: str) -> None:
    sign, secret = SCHEMES[scheme]
    headers = sign(secret, NOW)
    verify(scheme, [secret], headers, BODY, NOW)
    other = "whsec_" + base64.b64encode(b"o" * 24).decode() if scheme == "standard" else OTHER
    verify(scheme, [other, secret], headers, BODY, NOW)
    for secrets, body in (([other], BODY), ([secret], BODY + b" "), ([], BODY)):
        with pytest.raises(RefusedError, match="does not hold"):
            verify(scheme, secrets, headers, body, NOW)


@pytest.mark.parametrize("scheme", ["standard", "stripe"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_time_or_one_to_come_is_refused(scheme: str, minutes: int) -> None:
    sign, secret = SCHEMES[scheme]
    headers = sign(secret, NOW + dt.timedelta(minutes=minutes))
    with pytest.raises(RefusedError, match="too long ago"):
        verify(scheme, [secret], headers, BODY, NOW)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("broken", ["", "x", "t=1", "t=x,v1=00", "v1,!!"])
def test_headers_that_make_no_sense_are_refused(scheme: str, broken: str) -> None:
    sign, secret = SCHEMES[scheme]
    for name in sign(secret, NOW):
        with pytest.raises(RefusedError):
            verify(scheme, [secret], {**sign(secret, NOW), name: broken}, BODY, NOW)
    with pytest.raises(RefusedError, match="no signature"):
        verify(scheme, [secret], {}, BODY, NOW)


def test_of_secrets_the_newest_two_hold_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    for secret in ("one", "two", "three\n"):
        secrets.add("stripe", secret)
    assert (secrets.sources(), secrets.of("stripe")) == (["stripe"], ["three", "two"])
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == stat.S_IRWXU
    secrets.remove("stripe")
    assert secrets.sources() == []
    with pytest.raises(UsageError, match="no secret"):
        secrets.remove("stripe")
    with pytest.raises(UsageError, match="is empty"):
        secrets.add("stripe", " \n")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    secrets = Secrets(tmp_path / "secrets")
    secrets.add("stripe", PLAIN)
    webhooks = Webhooks(DECLARATIONS, secrets)
    sink = GroupCommit(tmp_path / "log.db", bus="commerce", clock=lambda: NOW, most_waiting=MOST_WAITING)
    made = Collector(DECLARATIONS, sink, Keys(tmp_path / "keys.json"), webhooks, clock=lambda: NOW)
    with TestClient(made.app()) as client:
        yield client


def log(tmp_path: Path) -> list[bytes]:
    with EventLog(tmp_path / "log.db") as opened:
        return opened.records(Landing("", "commerce", NOW.replace(minute=0), 1, 1_000_000, 0))


def test_a_webhook_is_in_the_log_as_it_was_sent_when_the_answer_comes(
    client: TestClient, tmp_path: Path
) -> None:
    answer = client.post("/v1/webhooks/stripe", content=BODY, headers=by_stripe(PLAIN, NOW))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    (record,) = log(tmp_path)
    assert BODY in record
    found = json.loads(record)
    assert (found["source"], found["detail-type"]) == ("stripe", "payment_captured")


def test_a_webhook_that_cannot_be_taken_leaves_nothing_behind(client: TestClient, tmp_path: Path) -> None:
    bad = client.post("/v1/webhooks/stripe", content=BODY, headers=by_stripe(OTHER, NOW))
    old = client.post(
        "/v1/webhooks/stripe", content=BODY, headers=by_stripe(PLAIN, NOW - dt.timedelta(hours=1))
    )
    large = client.post("/v1/webhooks/stripe", content=b" " * 10_000_000, headers=by_stripe(PLAIN, NOW))
    unknown = client.post("/v1/webhooks/shopify", content=BODY)
    found = [(each.status_code, bool(each.json()["error"])) for each in (bad, old, large, unknown)]
    assert found == [(401, True), (401, True), (413, True), (404, True)]
    assert log(tmp_path) == []


def test_a_signed_body_that_is_no_json_is_kept_for_quarantine(client: TestClient, tmp_path: Path) -> None:
    body = b"{not\njson"
    headers = by_stripe(PLAIN, NOW, body)
    assert client.post("/v1/webhooks/stripe", content=body, headers=headers).status_code == 202
    assert log(tmp_path) == [b"{not json"]
