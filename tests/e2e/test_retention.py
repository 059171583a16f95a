"""What was kept for as long as its contract allows goes: from raw, from tables, and from what is made of them; the rest stays."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, answer, killed_at, lake_command
from every_byte import hits
from holdings import accounts, ask, assert_conserved, derived, holdings, newest
from records import DECLARATIONS, latest, valid_samples
from shop_raw import DAY, HOUR, MONDAY, Record, again, line, put, sent
from small_project import make_project

from contracts.subjects import ERASED, Identifier
from lakehouse.lake import Lake
from lakehouse.retentions import Retention
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.maintain import maintain
from pipeline.past_retention import past_retention
from pipeline.rebuild import plan_rebuild, rebuild
from pipeline.reprocess import reprocess
from pipeline.retention import retain
from pipeline.undo import undo
from pipeline.window import Window
from transforms.retain import Trimmer
from transforms.unpack import unpack

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
OLD = MONDAY - 500 * DAY
"""Past 365 and 395 days, and not past more."""
ANCIENT = MONDAY - 1200 * DAY
"""Past 1095 days too."""
WHOLE = Window((ANCIENT - DAY).replace(tzinfo=None), (MONDAY + DAY).replace(tzinfo=None))
ORDER = """
select * exclude (run_id, curated_at, raw_object, raw_record) from curated.order_placed where event_id = 'old-order'
"""


def order(event_id: str, at: dt.datetime) -> Record:
    """An order with all that is personal in it."""
    return sent("order_placed", event_id, at=at, visitor_id=f"{event_id}-device", session_id=f"{event_id}-session",
                customer_id=f"{event_id}-customer", email_hash="e" * 64, sales_agent_id=f"{event_id}-agent")  # fmt: skip


def fill(lake: Lake) -> None:
    """Old and young records mixed, with copies, a conflict and rejected ones."""
    looked = sent("page_viewed", "old-look", at=OLD, visitor_id="old-look-device")
    parcel = sent("shipment_delivered", "old-parcel", at=OLD, signed_by_name="Zoe", tracking_number="1Z")
    ordered = order("old-order", OLD)
    put(lake, "old", looked, ordered, parcel, b'{"broken": "zoe"', at=OLD)
    put(lake, "copy", again(ordered, OLD + HOUR), {**order("old-order", OLD + 2 * HOUR)}, at=OLD + HOUR)
    shipped = sent(
        "shipment_dispatched", "old-shipped", at=OLD, tracking_number=None, destination=None,
        parcels=[{"parcel_number": 1, "tracking_number": "1Z"}, {"parcel_number": 2, "tracking_number": None}],
    )  # fmt: skip
    put(lake, "shipped", shipped, at=OLD)
    put(lake, "ancient", order("ancient-order", ANCIENT), at=ANCIENT)
    young = sent("page_viewed", "young-look", visitor_id="young-look-device")
    put(
        lake,
        "young",
        young,
        order("young-order", MONDAY),
        b'{"broken": "ben"',
        sent("fx_rate_published", "rate"),
    )
    curate(lake)
    derive(lake)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with these, and a project of one mart; as tables hold whole paths, copies go back to its place."""
    folder = tmp_path_factory.mktemp("retention")
    project = make_project(folder / "project")
    lake = Lake.create(folder / "lake")
    (lake.root / "lake.toml").write_text(f'dbt_project = "{project}"\nlease_seconds = 1\n', encoding="utf-8")
    fill(Lake.open(lake.root))
    shutil.copytree(lake.root, folder / "kept")
    return lake.root


@pytest.fixture
def lake(kept: Path) -> Lake:
    """That lake, as nothing has gone yet."""
    shutil.rmtree(kept)
    shutil.copytree(kept.with_name("kept"), kept)
    return Lake.open(kept)


def records(lake: Lake) -> list[bytes]:
    """Every record of raw."""
    return [record for name in sorted(lake.store.names()) for record in unpack(lake.store.read(name)).records]


def state(lake: Lake) -> tuple[Any, ...]:
    assert_conserved(lake)
    return holdings(lake), derived(lake), accounts(lake)


def young(rows: dict[str, list[str]]) -> list[str]:
    return [row for table in rows.values() for row in table if "young" in row or '"event_id":"rate"' in row]


def assert_gone_from_raw(lake: Lake, before: dict[str, bytes], done: Retention) -> None:
    """Copies, losers of conflicts and rejected records included."""
    found = b"\n".join(records(lake))
    gone = (
        b"old-look-device",
        b"old-order-device",
        b"old-order-agent",
        b"ancient-order-device",
        b"1Z",
        b"Zoe",
        b"zoe",
    )
    stays = (b"young-look-device", b"young-order-agent", b"ben", b"old-order-customer")
    assert [text in found for text in (*gone, *stays)] == [False] * len(gone) + [True] * len(stays)
    assert found.count(ERASED) == 3  # the look, what could not be read, and another order under the same id
    changed = {name for name, data in before.items() if lake.store.read(name) != data}
    assert {each.raw_object for each in lake.retentions.changes(done)} == changed
    assert len(changed) == 4
    assert [each.done_at for each in lake.retentions.all()] == [NOW]


@pytest.mark.dbt
def test_what_is_past_its_retention_goes_from_raw_and_tables_and_the_rest_stays(lake: Lake) -> None:
    (then,), before = ask(lake, ORDER), (holdings(lake), derived(lake))
    raw = {name: lake.store.read(name) for name in lake.store.names()}
    done = retain(lake, NOW)
    assert done is not None
    assert done.records["order_placed"] == 3
    assert_gone_from_raw(lake, raw, done)
    assert_conserved(lake)
    assert [young(rows) for rows in before] == [young(holdings(lake)), young(derived(lake))]
    assert ask(lake, "select event_id from curated.page_viewed") == [{"event_id": "young-look"}]
    (now,) = ask(lake, ORDER)
    gone = {name for name in then if then[name] != now[name]}
    assert gone == {"visitor_id", "session_id", "sales_agent_id"}
    assert {now[name] for name in gone} == {None}
    sql = "select email_hash, customer_id from curated.order_placed where event_id = 'ancient-order'"
    assert ask(lake, sql) == [{"email_hash": None, "customer_id": "ancient-order-customer"}]
    sql = "select signed_by_name, tracking_number from curated.shipment_delivered"
    assert ask(lake, sql) == [{"signed_by_name": None, "tracking_number": None}]
    sql = "select [p.tracking_number for p in parcels] as t, [p.parcel_number for p in parcels] as n from curated.shipment_dispatched"
    assert ask(lake, sql) == [{"t": [None, None], "n": [1, 2]}]
    assert ask(lake, "select value from platform.personal_values where value = 'Zoe'") == []


@pytest.mark.dbt
def test_once_more_nothing_is_left_to_do_and_nothing_brings_it_back(lake: Lake) -> None:
    retain(lake, NOW)
    before = state(lake)
    assert retain(lake, NOW) is None
    assert past_retention(lake, NOW).counts == {}
    maintain(lake, dt.datetime.now(dt.UTC) + 15 * DAY)
    assert hits(lake.root, ["old-look-device", "old-order-agent", "Zoe"]) == {}
    assert hits(lake.root, ["young-order-agent"])
    assert reprocess(lake, WHOLE).releases == []
    assert state(lake) == before
    rebuild(plan_rebuild(lake.root))
    again_made = Lake.open(lake.root)
    derive(again_made)
    assert state(again_made) == before


@pytest.mark.dbt
def test_a_legal_hold_keeps_all_of_a_person(lake: Lake) -> None:
    lake.erasures.hold(Identifier("login", "old-order-customer"), "Court case 7.", NOW)
    before = ask(lake, ORDER)
    retain(lake, NOW)
    assert ask(lake, ORDER) == before
    assert ask(lake, "select event_id from curated.page_viewed") == [{"event_id": "young-look"}]


@pytest.mark.dbt
def test_undone_with_the_curate_before_it_it_is_done_again(lake: Lake) -> None:
    put(lake, "more", sent("fx_rate_published", "rate-2"))
    (number,) = curate(lake).releases
    retain(lake, NOW)
    before = state(lake)
    undo(lake, lake.releases.get(number).run_id)
    assert past_retention(lake, NOW).counts["page_viewed"] == 1
    curate(lake)
    done = retain(lake, NOW)
    assert done is not None
    assert lake.retentions.changes(done) == []  # raw is as it has to be
    assert state(lake) == before


@pytest.mark.dbt
@pytest.mark.parametrize(
    "point",
    [
        "retain.rewritten",
        *(
            pytest.param(point, marks=pytest.mark.soak)
            for point in ("raw.rewritten:2", "reprocess.compared", "curate.publishing")
        ),
    ],
)
def test_killed_it_goes_on(lake: Lake, tmp_path: Path, point: str) -> None:
    killed_at(point, "maintain", "--lake", lake.root, log=tmp_path / "hit")
    while lake.lease.holder() or lake.reprocess_lease.holder():
        time.sleep(0.1)
    assert lake_command("maintain", "--lake", lake.root).returncode == DONE
    found = b"\n".join(records(lake))
    assert (b"old-order-device" in found, b"Zoe" in found) == (False, False)
    assert_conserved(lake)
    (done,) = lake.retentions.all()
    assert done.done_at is not None
    assert len(lake.retentions.changes(done)) == 4
    assert past_retention(lake, NOW).counts == {}


@pytest.mark.dbt
def test_a_plan_says_what_would_go_and_changes_nothing(lake: Lake) -> None:
    release, raw = newest(lake), records(lake)
    counts = {
        "page_viewed": 1,
        "order_placed": 3,
        "shipment_delivered": 1,
        "shipment_dispatched": 1,
        "(rejected)": 2,
    }
    past = past_retention(lake, NOW)
    assert (past.counts, len(past.objects)) == (counts, 4)
    plan = answer("maintain", "--lake", lake.root, "--dry-run")["retention"]
    assert plan["records"].keys() >= {"order_placed", "(rejected)"}
    assert plan["releases"] == []
    assert (newest(lake), records(lake)) == (release, raw)


@pytest.mark.parametrize("days", [0, 370, 1100])
def test_found_is_what_trimming_changes(tmp_path: Path, days: int) -> None:
    lake = Lake.create(tmp_path / "lake")
    at, age = NOW - days * DAY, days * DAY
    made = [
        {
            **each,
            "detail": {**each["detail"], "metadata": sent(name, f"{name}-{n}", at=at)["detail"]["metadata"]},
        }
        for name in DECLARATIONS.events
        for n, each in enumerate(valid_samples(latest(name)))
    ]
    put(lake, "all", *made, at=at)
    curate(lake)
    past, trimmer = past_retention(lake, NOW), Trimmer(DECLARATIONS)
    found = set(past.of(0)) if past.objects else set()
    changed = {n for n, each in enumerate(made) if json.loads(trimmer.trimmed(line(each), age)) != each}
    assert_conserved(lake)
    assert found == changed
    assert len(found) > 20 or not days


def test_what_enrichment_fills_goes_with_the_record() -> None:
    """It is made of fields that stay, so only a record that goes as a whole takes it along."""
    for event in DECLARATIONS.events.values():
        whole = [f.retention_days for f in event.latest.fields if f.required and f.retention_days]
        for field in event.latest.added:
            assert field.retention_days is None or min(whole, default=10**6) <= field.retention_days, (
                event.name
            )
