"""A person erased: nothing of the person is found anywhere, everybody else is as before, and nothing brings it back."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import CHECK_FAILED, DONE, WRONG_USE, answer, killed_at, lake_command
from holdings import accounts, ask, assert_conserved, derived, holdings, newest
from shop_raw import DAY, HOUR, MONDAY, RawObject, Record, again, line, put, sent
from small_project import make_project

from contracts.errors import UsageError
from contracts.subjects import ERASED, Identifier
from ingestion.outbox import Outbox, Unsent
from lakehouse.erasures import Erasure
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.derive import derive
from pipeline.erase import erase, plan_erase, request_erasure
from pipeline.reprocess import reprocess
from pipeline.scan import scan
from pipeline.undo import undo
from pipeline.window import Window
from transforms.unpack import unpack

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ZOE = Identifier("login", "zoe-1")
HASH = hashlib.sha256(b"zoe").hexdigest()
VALUES = ("zoe-1", HASH, "zoe-device", "zoe-card")
NAMES_ZOE = "curated.customer_registered"
"""Where a record of somebody else names her."""
WHOLE = Window(MONDAY.replace(tzinfo=None), MONDAY.replace(tzinfo=None) + 30 * DAY)


def of(person: str, event_type: str, event_id: str, at: dt.datetime = MONDAY, **data: Any) -> Record:
    """An event of a person with all identifiers that its type has."""
    made = sent(event_type, event_id, at=at)
    known = {
        "customer_id": f"{person}-1",
        "visitor_id": f"{person}-device",
        "loyalty_card_id": f"{person}-card",
        "email_hash": hashlib.sha256(person.encode()).hexdigest(),
        "phone_hash": None,
        "session_id": f"{person}-session",
    }
    made["detail"] |= {name: value for name, value in known.items() if name in made["detail"]} | data
    return made


def events_of(person: str) -> list[Record]:
    """What a person does: looks, signs in, orders, pays, gets a parcel; and is known to the CRM."""
    order = f"order-of-{person}"
    looked = of(person, "page_viewed", f"{person}-looked", customer_id=None)
    parcel = sent(
        "shipment_delivered", f"{person}-parcel", at=MONDAY + DAY, order_id=order, signed_by_name=person
    )
    return [
        looked,
        of(person, "page_viewed", f"{person}-signed-in"),
        of(person, "order_placed", f"{person}-ordered", order_id=order, gift_message="Yours, Z."),
        of(person, "payment_captured", f"{person}-paid", order_id=order, customer_id=None),
        parcel,
        of(person, "customer_registered", f"{person}-registered", referred_by_customer_id=None),
    ]


def fill(lake: Lake) -> None:
    """Zoe's and Ben's events mixed, with copies, a conflict, rejected records, and a record of Ben's that names Zoe."""
    zoe, ben = events_of("zoe"), events_of("ben")
    friend = of("cara", "customer_registered", "cara-registered", referred_by_customer_id="zoe-1")
    put(lake, "a", *zoe[:3], *ben[:3], b'{"broken": "zoe-1"', b"no JSON")
    put(lake, "b", *zoe[3:], *ben[3:], friend, again(zoe[2], MONDAY + HOUR), at=MONDAY + HOUR)
    other = of("zoe", "order_placed", "zoe-ordered", order_id="order-of-zoe", billing_address=None)
    other["time"] = "2026-11-02T03:00:00Z"
    put(lake, "c", other, again(ben[0], MONDAY + 3 * HOUR), at=MONDAY + 3 * HOUR)
    whole = gzip.compress(
        json.dumps(of("zoe", "page_viewed", "zoe-cut", at=MONDAY + DAY)).encode() + b"\n" + b"x" * 4000
    )
    RawObject("cut", MONDAY + DAY, data=whole[:-12]).put(lake)
    put(
        lake, "d", *(of("ben", "page_viewed", f"ben-{n}", at=MONDAY + DAY) for n in range(3)), at=MONDAY + DAY
    )
    curate(lake)
    derive(lake)


def without_rows(folder: Path) -> Lake:
    """An empty lake with a project of one mart."""
    lake = Lake.create(folder / "lake")
    project = make_project(folder / "project")
    (lake.root / "lake.toml").write_text(f'dbt_project = "{project}"\n', encoding="utf-8")
    return Lake.open(lake.root)


def make_lake(folder: Path) -> Lake:
    """A lake with Zoe, Ben and Cara in it, and a mart."""
    lake = without_rows(folder)
    fill(lake)
    return lake


@pytest.fixture
def filled(tmp_path: Path) -> Lake:
    """A lake of which nobody is erased yet."""
    return make_lake(tmp_path)


@dataclass(frozen=True)
class Before:
    """What there was before an erasure."""

    rows: dict[str, list[str]]
    derived: dict[str, list[str]]
    accounts: dict[str, dict[str, int]]
    raw: dict[str, bytes]
    order: dict[str, Any]


ORDER = """
select * exclude (run_id, curated_at, raw_object, raw_record, replay, event_id)
from curated.order_placed where order_id = 'order-of-zoe'
"""


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Before, Erasure]:
    """A lake of which Zoe is erased, for tests that only look."""
    lake = make_lake(tmp_path_factory.mktemp("erased"))
    raw = {name: lake.store.read(name) for name in lake.store.names()}
    before = Before(holdings(lake), derived(lake), accounts(lake), raw, ask(lake, ORDER)[0])
    assert sum(scan(lake, VALUES, lake.store.names()).values()) > 20
    return lake, before, erase(lake, ZOE, NOW)


def of_others(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """Rows that have nothing to do with Zoe."""
    kept = {
        table: [row for row in found if "zoe" not in row and HASH not in row] for table, found in rows.items()
    }
    return {table: found for table, found in kept.items() if found}


def in_raw(lake: Lake) -> list[bytes]:
    """Every record of raw."""
    return [record for name in sorted(lake.store.names()) for record in unpack(lake.store.read(name)).records]


@pytest.mark.dbt
def test_nothing_is_left_of_the_person_and_everybody_else_is_as_before(
    erased: tuple[Lake, Before, Erasure],
) -> None:
    lake, before, done = erased
    assert scan(lake, VALUES, lake.store.names()) == dict.fromkeys([*newest(lake).tables, "raw"], 0)
    assert_conserved(lake)
    assert done.proof is not None
    assert (done.found, done.proof.hits) == (None, 0)
    for then, now in ((before.rows, holdings(lake)), (before.derived, derived(lake))):
        assert {**of_others(then), NAMES_ZOE: []} == {**of_others(now), NAMES_ZOE: []}
    friend = [json.loads(row) for row in holdings(lake)[NAMES_ZOE] if "cara" in row]
    assert [each["referred_by_customer_id"] for each in friend] == [None]
    records = {name: each["records"] for name, each in accounts(lake).items()}
    assert records == {name: each["records"] for name, each in before.accounts.items()}


@pytest.mark.dbt
def test_what_accounting_must_keep_stays_without_what_is_personal(
    erased: tuple[Lake, Before, Erasure],
) -> None:
    lake, before, _ = erased
    (after,) = ask(lake, ORDER)
    personal = {"customer_id", "loyalty_card_id", "email_hash", "visitor_id", "session_id", "sales_agent_id"}
    changed = {name for name, value in before.order.items() if value != after[name]}
    assert personal <= changed <= {*personal, "shipping_address", "billing_address", "extras"}
    assert {after[name] for name in personal} == {None}
    assert after["total_amount"] == before.order["total_amount"]
    assert ("gift_message" in before.order["extras"], after["extras"]) == (True, None)
    sql = "select signed_by_name from curated.shipment_delivered where order_id = 'order-of-zoe'"
    assert ask(lake, sql) == [{"signed_by_name": None}]
    sql = "select count(*) as n from curated.page_viewed where event_id like 'zoe%'"
    assert ask(lake, sql) == [{"n": 0}]
    assert ask(lake, "select sum(erased) > 0 as some from platform.ledger") == [{"some": True}]


@pytest.mark.dbt
def test_only_raw_objects_that_hold_the_person_are_rewritten(erased: tuple[Lake, Before, Erasure]) -> None:
    lake, before, done = erased
    changed = {name for name, data in before.raw.items() if lake.store.read(name) != data}
    assert {each.raw_object for each in done.rewritten} == changed
    assert {Path(name).name[0] for name in changed} == {"a", "b", "c"}
    for each in done.rewritten:
        assert each.before != each.after
        then, now = unpack(before.raw[each.raw_object]), unpack(lake.store.read(each.raw_object))
        assert (len(then.records), then.truncated) == (len(now.records), now.truncated)
        kept = [a for a, b in zip(then.records, now.records, strict=True) if a == b]
        assert kept == [a for a in then.records if b"zoe" not in a]
    assert ERASED in in_raw(lake)


@pytest.mark.dbt
def test_an_undo_across_an_erasure_is_refused(erased: tuple[Lake, Before, Erasure]) -> None:
    lake, *_ = erased
    runs = [each.run_id for each in lake.releases.since(0) if each.verb in {"curate", "erase"}]
    assert len(runs) == 3  # what is erased, and the end of it
    for run in runs:
        with pytest.raises(UsageError, match="erased a person"):
            undo(lake, run)


@pytest.mark.dbt
def test_nothing_brings_the_person_back_but_who_comes_later_is_a_customer_like_any(filled: Lake) -> None:
    erase(filled, ZOE, NOW)
    before, order = holdings(filled), ask(filled, ORDER)
    late, later = MONDAY + 5 * DAY, NOW + DAY
    put(filled, "late", *(again(each, late) for each in events_of("zoe")), b'{"broken": "zoe-1"', at=late)
    put(filled, "copies", *(again(each, late + HOUR) for each in events_of("zoe")[:3]), at=late + HOUR)
    curate(filled)
    derive(filled)
    assert holdings(filled) == before
    (account,) = [each for name, each in accounts(filled).items() if name.endswith("/late.json.gz")]
    assert (account["records"], account["erased"]) == (7, 7)
    assert reprocess(filled, WHOLE).releases == []
    assert scan(filled, VALUES, ()) == dict.fromkeys([*newest(filled).tables, "raw"], 0)
    put(filled, "new", of("zoe", "page_viewed", "zoe-new", at=later), at=later)
    curate(filled)
    assert ask(filled, "select customer_id from curated.page_viewed where event_id = 'zoe-new'") == [
        {"customer_id": "zoe-1"}
    ]
    assert ask(filled, ORDER) == order


def test_a_plan_says_what_is_held_and_changes_nothing(filled: Lake) -> None:
    release, raw = newest(filled), in_raw(filled)
    plan = plan_erase(filled, ZOE)
    assert {each.value for each in plan.identifiers} == set(VALUES)
    assert plan.records == {
        "page_viewed": 3, "order_placed": 3, "payment_captured": 1, "shipment_delivered": 1, "customer_registered": 1, None: 1,
    }  # fmt: skip
    assert (plan.mentions, plan.raw_objects) == (1, 4)
    assert (newest(filled), in_raw(filled)) == (release, raw)


@pytest.mark.parametrize("asked", [Identifier("device", "zoe-device"), Identifier("email", HASH)])
def test_any_identifier_of_the_person_will_do(filled: Lake, asked: Identifier) -> None:
    assert plan_erase(filled, asked) == plan_erase(filled, ZOE)


def test_whom_nobody_knows_is_not_erased(filled: Lake) -> None:
    with pytest.raises(UsageError, match="Nothing is held of login nobody"):
        erase(filled, Identifier("login", "nobody"), NOW)
    assert filled.erasures.erased() is None


@pytest.mark.dbt
@pytest.mark.parametrize("point", ["erase.begun", "raw.rewritten:2", "reprocess.compared", "erase.followed"])
def test_killed_it_goes_on_where_it_was(filled: Lake, tmp_path: Path, point: str) -> None:
    with (filled.root / "lake.toml").open("a", encoding="utf-8") as profile:
        profile.write("lease_seconds = 1\n")
    raw = {name: filled.store.read(name) for name in filled.store.names()}
    command = ("erase", "--lake", filled.root, "--subject", "zoe-1", "--confirm", "zoe-1")
    killed_at(point, *command, log=tmp_path / "hit")
    while filled.lease.holder() or filled.reprocess_lease.holder():
        time.sleep(0.1)
    assert lake_command(*command).returncode == DONE
    (done,) = filled.erasures.all()
    assert done.proof is not None
    assert done.proof.hits == 0
    assert done.rows["curated.order_placed"]["changed"] == 1
    assert {each.raw_object: each.before for each in done.rewritten} == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in raw.items()
        if b"zoe" in b"".join(unpack(data).records)
    }
    assert scan(filled, VALUES, filled.store.names()) == dict.fromkeys([*newest(filled).tables, "raw"], 0)
    assert_conserved(filled)


def test_a_hold_keeps_a_person_and_the_command_asks_twice(filled: Lake) -> None:
    command = ("erase", "--lake", filled.root, "--subject", "zoe-1")
    for more in ((), ("--confirm", "zoe-2")):
        refused = lake_command(*command, *more)
        assert (refused.returncode, "Nothing was erased" in refused.stderr) == (WRONG_USE, True)
    hold = ("--lake", filled.root, "--subject", "device:zoe-device")
    assert lake_command("erasures", "hold", *hold, "--reason", "Court case 7.").returncode == DONE
    refused = lake_command(*command, "--confirm", "zoe-1")
    assert (refused.returncode, "Court case 7" in refused.stderr) == (WRONG_USE, True)
    assert filled.erasures.erased() is None
    assert lake_command("erasures", "release", *hold).stderr == "Released.\n"
    assert lake_command("erasures", "request", "--lake", filled.root, "--subject", "zoe-1").returncode == DONE
    (listed,) = answer("erasures", "list", "--lake", filled.root)
    assert listed["proof"] is None
    planned = answer(*command, "--dry-run")
    assert [each["mentions"] for each in planned] == [1]


def test_an_erasure_that_is_overdue_is_told(filled: Lake) -> None:
    request_erasure(filled, ZOE, NOW - 60 * DAY)
    told = lake_command("erasures", "list", "--lake", filled.root)
    assert (told.returncode, "Overdue: 1" in told.stderr) == (CHECK_FAILED, True)


@pytest.mark.dbt
def test_many_are_erased_by_a_file_and_once_more_is_harmless(filled: Lake, tmp_path: Path) -> None:
    file = tmp_path / "requests.txt"
    file.write_text("zoe-1\n\ndevice:ben-device\n", encoding="utf-8")
    command = ("erase", "--lake", filled.root, "--file", file)
    assert len(answer(*command, "--dry-run")) == 2
    for _ in range(2):
        done = lake_command(*command, "--confirm", "lines of requests.txt: 2", "--json")
        assert done.returncode == DONE, done.stderr
        assert [(each["number"], each["proof"]["hits"]) for each in json.loads(done.stdout)] == [
            (1, 0),
            (2, 0),
        ]
    values = (*VALUES, "ben-1", "ben-device", "ben-card")
    assert scan(filled, values, filled.store.names()) == dict.fromkeys([*newest(filled).tables, "raw"], 0)
    assert_conserved(filled)


@pytest.mark.dbt
def test_somebody_else_s_record_under_the_same_id_stays_and_counts_from_now_on(tmp_path: Path) -> None:
    lake = without_rows(tmp_path)
    theirs = of("ben", "page_viewed", "same", at=MONDAY + HOUR)
    put(lake, "a", of("zoe", "page_viewed", "same"), theirs, again(theirs, MONDAY + 2 * HOUR))
    put(lake, "b", again(theirs, MONDAY + 3 * HOUR), at=MONDAY + 3 * HOUR)
    curate(lake)
    erase(lake, ZOE, NOW)
    assert ask(lake, "select customer_id from curated.page_viewed") == [{"customer_id": "ben-1"}]
    fates = [(each["curated"], each["duplicates"], each["erased"]) for each in accounts(lake).values()]
    assert sorted(fates) == [(0, 1, 0), (1, 1, 1)]
    assert_conserved(lake)
    put(lake, "late", again(of("zoe", "page_viewed", "same"), MONDAY + DAY), at=MONDAY + DAY)
    curate(lake)
    assert ask(lake, "select customer_id from curated.page_viewed") == [{"customer_id": "ben-1"}]
    assert scan(lake, VALUES, ()) == dict.fromkeys([*newest(lake).tables, "raw"], 0)


@pytest.mark.dbt
def test_it_reaches_outboxes_that_are_registered_and_refuses_where_one_is_away(
    filled: Lake, tmp_path: Path
) -> None:
    zoe, ben = events_of("zoe"), events_of("ben")
    friend = of("cara", "customer_registered", "cara-waits", referred_by_customer_id="zoe-1")
    waiting = [zoe[0], zoe[2], ben[2], friend]
    elsewhere = tmp_path / "crm" / "outbox.db"
    for path, records in ((filled.outbox_path, [zoe[1]]), (elsewhere, waiting)):
        with Outbox(path) as outbox:
            outbox.keep([Unsent(line(each), "No bus.") for each in records], bus="commerce", kept_at=NOW)
    with (filled.root / "lake.toml").open("a", encoding="utf-8") as profile:
        profile.write(f'outboxes = ["{elsewhere}"]\n')
    lake = Lake.open(filled.root)
    counts = {f"outbox {filled.outbox_path}": 1, f"outbox {elsewhere}": 3}
    assert plan_erase(lake, ZOE).stores == counts
    away = elsewhere.rename(elsewhere.with_suffix(".away"))
    with pytest.raises(UsageError, match="has to reach it"):
        erase(lake, ZOE, NOW)
    assert lake.erasures.erased() is None
    away.rename(elsewhere)
    done = erase(lake, ZOE, NOW)
    assert done.stores == counts
    assert done.proof is not None
    assert [done.proof.scanned[name] for name in counts] == [0, 0]
    with Outbox(elsewhere) as outbox:
        left = [json.loads(record) for record in outbox.records()]
    assert [each["detail"]["metadata"]["event_id"] for each in left] == [
        "zoe-ordered",
        "ben-ordered",
        "cara-waits",
    ]
    assert left[0]["detail"]["total_amount"] == zoe[2]["detail"]["total_amount"]
    assert left[1] == ben[2]
    assert "referred_by_customer_id" not in left[2]["detail"]
    assert not any(b"zoe-1" in path.read_bytes() for path in (filled.outbox_path, elsewhere))
