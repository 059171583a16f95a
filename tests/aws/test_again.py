"""What is done again — undo, pause, replay, repair — works on S3 and Glue as on this machine's files."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from conftest import profile
from holdings import ask, assert_conserved, branches, derived, holdings
from records import DECLARATIONS, event, put_raw

from contracts.errors import HeldError
from contracts.repairs import load_repair_rule
from ingestion.bus import Bus
from ingestion.event_log import EventLog
from ingestion.lander import land
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.pause import pause, resume
from pipeline.repair import repair
from pipeline.replay import Span, replay
from pipeline.replay_targets import BusTarget
from pipeline.undo import undo
from tests.unit.fake_bus import FakeBus

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
EVERYTHING = Span(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), tuple(DECLARATIONS.events))  # noqa: DTZ001 as in tables
RULE = """
name: decimal-commas
reason: The payment service wrote amounts with a comma.
owner: payments
match: {error_type: bad_format}
steps:
  - {replace: amount, what: ",", by: "."}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake", profile(quarantine_threshold=1.0))


def test_an_undo_brings_every_table_back_and_the_next_run_takes_the_objects(lake: Lake) -> None:
    put_raw(lake, "a", event(event_id="e-1"), event("order_placed", "o-1"))
    curate(lake)
    derive(lake)
    before = holdings(lake), derived(lake)
    put_raw(lake, "b", event(event_id="e-1", page_title="Other"), event("stock_received", "s-1"))
    (number,) = curate(lake).releases
    derive(lake)
    after = holdings(lake), derived(lake)
    undo(lake, lake.releases.get(number).run_id)
    assert (holdings(lake), derived(lake)) == before
    assert branches(lake) == set()
    curate(lake)
    derive(lake)
    assert (holdings(lake), derived(lake)) == after
    assert_conserved(lake)


def test_a_paused_lake_lets_no_run_begin(lake: Lake) -> None:
    put_raw(lake, "a", event())
    pause(lake, "Looked into.", NOW)
    with pytest.raises(HeldError, match="Looked into"):
        curate(lake)
    resume(lake)
    assert len(curate(lake).releases) == 1


def test_a_replay_reads_raw_there_and_notes_there_how_far_it_came(lake: Lake) -> None:
    put_raw(lake, "a", event(event_id="e-1"), event(event_id="e-1"), event("order_placed", "o-1"))
    curate(lake)
    bus = FakeBus()
    reached = replay(lake, EVERYTHING, BusTarget(Bus(bus, "commerce")), "again")
    assert (reached.sent, len(bus.accepted), lake.replays.names()) == (2, 2, ["again"])
    assert {json.loads(each["Detail"])["metadata"]["event_id"] for each in bus.accepted} == {"e-1", "o-1"}


def test_a_repaired_record_comes_in_again(lake: Lake, tmp_path: Path) -> None:
    put_raw(lake, "a", event("payment_captured", "e-1", amount="12,50"))
    curate(lake)
    (tmp_path / "rule.yaml").write_text(RULE)
    assert repair(lake, load_repair_rule(tmp_path / "rule.yaml")).fixed == 1
    with EventLog(lake.log_path) as log:
        land(log, lake.store, now=NOW)
    curate(lake)
    assert ask(lake, "select event_id, amount::varchar as amount from curated.payment_captured") == [
        {"event_id": "e-1", "amount": "12.5000"}
    ]
