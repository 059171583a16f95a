"""What is done again — undo, pause, replay, repair — works on S3 and Glue as on this machine's files."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from commands import DONE, lake_command
from conftest import profile
from holdings import ask, assert_conserved, branches, derived, holdings, newest
from records import DECLARATIONS, event, put_raw
from ruled import other_contracts, ruled_by, with_rule
from small_project import make_project

from contracts.backfills import load_backfill
from contracts.errors import HeldError
from contracts.repairs import load_repair_rule
from contracts.subjects import Identifier
from ingestion.bus import Bus
from ingestion.event_log import EventLog
from ingestion.lander import land
from lakehouse.lake import Lake
from pipeline.backfill import run_backfill
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.erase import erase
from pipeline.pause import pause, resume
from pipeline.repair import repair
from pipeline.replay import Span, replay
from pipeline.replay_targets import BusTarget
from pipeline.retention import retain
from pipeline.scan import scan
from pipeline.undo import undo
from tests.unit.fake_bus import FakeBus

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
EVERYTHING = Span(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), tuple(DECLARATIONS.events))  # noqa: DTZ001 as in tables
BACKFILL = """
name: field
reason: The field was not known.
owner: web
from: 2026-11-01
to: 2026-11-02
expect: {events: [page_viewed], columns: [a_field_of_tomorrow, extras]}
"""
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


def test_a_window_is_judged_anew_by_a_backfill(lake: Lake, tmp_path: Path) -> None:
    put_raw(lake, "a", event(event_id="e-1", a_field_of_tomorrow=7), event("order_placed", "o-1"))
    curate(lake)
    derive(lake)
    before = holdings(lake), derived(lake)
    contracts = other_contracts(tmp_path / "contracts")
    with_rule(contracts, "page_viewed", "a_field_of_tomorrow", type=["integer", "null"], description="Known.")
    today = ruled_by(lake, contracts)
    (tmp_path / "field.yaml").write_text(BACKFILL)
    record = run_backfill(today, load_backfill(tmp_path / "field.yaml"))
    assert record.is_complete
    assert ask(today, "select a_field_of_tomorrow as field from curated.page_viewed") == [{"field": 7}]
    assert_conserved(today)
    assert branches(today) == set()
    (release,) = record.done[0].releases
    undo(today, today.releases.get(release).run_id)
    assert (holdings(lake), derived(lake)) == before


def with_one_mart(lake: Lake, folder: Path) -> Lake:
    """The lake with a project of one mart."""
    project = make_project(folder / "project")
    with (lake.root / "lake.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'dbt_project = "{project}"\n')
    return Lake.open(lake.root)


def test_what_is_past_its_retention_goes_there_too(lake: Lake, tmp_path: Path) -> None:
    lake = with_one_mart(lake, tmp_path)
    put_raw(lake, "a", event(visitor_id="zoe-device"), event("fx_rate_published", "rate"))
    curate(lake)
    done = retain(lake, NOW + dt.timedelta(days=400))
    assert done is not None
    assert len(lake.retentions.changes(done)) == 1
    assert scan(lake, ["zoe-device"], lake.store.names()) == dict.fromkeys([*newest(lake).tables, "raw"], 0)
    assert ask(lake, "select event_id from curated.fx_rate_published") == [{"event_id": "rate"}]
    assert_conserved(lake)
    assert retain(lake, NOW + dt.timedelta(days=400)) is None


def test_a_person_is_erased_there_too(lake: Lake, tmp_path: Path) -> None:
    lake = with_one_mart(lake, tmp_path)
    ours = event(event_id="e-1", customer_id="zoe-1", visitor_id="zoe-device")
    others = event(event_id="e-2", customer_id="ben-1", visitor_id="ben-device")
    put_raw(lake, "a", ours, others)
    done = erase(lake, Identifier("login", "zoe-1"), NOW)
    assert done.proof is not None
    assert done.proof.hits == 0
    assert len(done.rewritten) == 1
    assert scan(lake, ["zoe-1", "zoe-device"], lake.store.names())["raw"] == 0
    assert ask(lake, "select customer_id from curated.page_viewed") == [{"customer_id": "ben-1"}]
    assert_conserved(lake)


def test_glue_s_optimizers_do_the_upkeep(lake: Lake) -> None:
    done = lake_command("maintain", "--lake", lake.root)
    assert (done.returncode, "table optimizers" in done.stderr) == (DONE, True)


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
