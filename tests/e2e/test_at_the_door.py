"""What comes in by HTTP more than once, or of no type that a contract knows, through to the tables."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from holdings import accounts, ask, assert_conserved, newest
from records import DECLARATIONS
from starlette.testclient import TestClient

from contracts.layout import PLATFORM
from ingestion.collector import MOST_EVENTS, Collector
from ingestion.event_log import EventLog
from ingestion.group_commit import MOST_WAITING, GroupCommit
from ingestion.keys import Keys
from ingestion.lander import land
from ingestion.webhooks import Secrets, Webhooks
from lakehouse.lake import Lake
from pipeline.curate import curate

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
SECRET = "s3cret"
CHARGE = (Path(__file__).parent / "sources" / "stripe" / "sent.ndjson").read_bytes().splitlines()[0]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", {"quarantine_threshold": 1.0})


@pytest.fixture
def door(lake: Lake) -> Iterator[TestClient]:
    """The collector, with a key and a secret of Stripe's."""
    secrets, keys = Secrets(lake.root / "secrets"), Keys(lake.root / "keys.json")
    secrets.add("stripe", SECRET)
    sink = GroupCommit(lake.log_path, bus="commerce", clock=lambda: NOW, most_waiting=MOST_WAITING)
    made = Collector(DECLARATIONS, sink, keys, Webhooks(DECLARATIONS, secrets), clock=lambda: NOW)
    with TestClient(made.app(), headers={"authorization": f"Bearer {keys.add('web-shop')}"}) as client:
        yield client


def landed_and_curated(lake: Lake) -> None:
    with EventLog(lake.log_path) as log:
        land(log, lake.store, now=NOW)
    curate(lake)
    assert_conserved(lake)


def test_ten_thousand_unknown_event_types_make_no_table_and_no_folder(lake: Lake, door: TestClient) -> None:
    for first in range(0, 10_000, MOST_EVENTS):
        sent = [
            {"event_type": f"thing_{n}_happened", "data": {"n": n}} for n in range(first, first + MOST_EVENTS)
        ]
        assert door.post("/v1/events", json=sent).status_code == 202
    landed_and_curated(lake)
    assert {table.partition(".")[0] for table in newest(lake).tables} == {PLATFORM}
    assert {path.parent.name for path in lake.root.rglob("raw/**/*.gz")} == {"ingest_hour=09"}
    reasons = "select error_type, count(*) as n, count(distinct event_type) as types from platform.quarantine group by 1"
    assert ask(lake, reasons) == [{"error_type": "unknown_event_type", "n": 10_000, "types": 10_000}]


def test_a_webhook_that_is_sent_twice_counts_once(lake: Lake, door: TestClient) -> None:
    seconds = int(NOW.timestamp())
    signature = hmac.new(SECRET.encode(), f"{seconds}.".encode() + CHARGE, hashlib.sha256).hexdigest()
    for _ in range(2):
        answer = door.post(
            "/v1/webhooks/stripe",
            content=CHARGE,
            headers={"stripe-signature": f"t={seconds},v1={signature}"},
        )
        assert answer.status_code == 202
    landed_and_curated(lake)
    (account,) = accounts(lake).values()
    assert (account["records"], account["curated"], account["duplicates"]) == (2, 1, 1)
