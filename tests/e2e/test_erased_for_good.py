"""A customer of a simulated shop erased: no byte of a file says who it was, after all that could bring the person back."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from commands import DONE, answer, lake_command
from every_byte import hits
from holdings import ask, assert_conserved, derived, holdings
from small_project import make_project

from contracts.subjects import Identifier
from lakehouse.lake import Lake
from pipeline.derive import derive
from pipeline.rebuild import plan_rebuild, rebuild
from pipeline.reprocess import reprocess
from pipeline.window import Window
from simulator import simulate

pytestmark = pytest.mark.dbt

START = dt.date(2026, 11, 1)
WHOLE = Window(dt.datetime(2026, 10, 1), dt.datetime(2026, 12, 1))  # noqa: DTZ001 as in tables
BUSIEST = """
select customer_id as value, count(*) as orders from curated.order_placed
where customer_id is not null and email_hash is not null group by 1 order by 2 desc, 1 limit 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Lake:
    """A lake of a simulated shop with all its faults, curated and built; old releases go at once."""
    lake = Lake.create(tmp_path / "lake")
    project = make_project(tmp_path / "project")
    settings = f'dbt_project = "{project}"\nkeep_days = 0\nkeep_releases = 1\n'
    (lake.root / "lake.toml").write_text(settings, encoding="utf-8")
    lake = Lake.open(lake.root)
    for each in simulate(lake.declarations, events=2_000, days=4, seed=3, start=START, faults=True):
        lake.store.write(each.raw_object, each.data)
    assert lake_command("run", "--lake", lake.root).returncode == DONE
    return lake


def test_no_byte_of_a_file_says_who_it_was(shop: Lake) -> None:
    (busiest,) = ask(shop, BUSIEST)
    customer = busiest["value"]
    exported = answer_of_export(shop, customer)
    values = sorted({each["value"] for each in exported["identifiers"]})
    assert {each["kind"] for each in exported["identifiers"]} >= {"login", "email", "device"}
    assert_complete(exported, shop, values)
    named = {*values, *orders_of(exported), *events_of(exported)}
    others = of_others(shop, named)

    done = lake_command("erase", "--lake", shop.root, "--subject", customer, "--confirm", customer)
    assert done.returncode == DONE, done.stderr
    assert hits(shop.root, values)  # old releases still know
    assert lake_command("maintain", "--lake", shop.root).returncode == DONE
    assert hits(shop.root, values) == Counter()
    assert_conserved(shop)
    assert of_others(shop, named) == others

    assert reprocess(shop, WHOLE).releases == []
    before = holdings(shop), derived(shop)
    _, _, aside = rebuild(plan_rebuild(shop.root))
    again = Lake.open(shop.root)
    derive(again)
    assert (holdings(again), derived(again)) == before
    assert aside is not None
    assert hits(shop.root, values) == Counter()
    assert again.erasures.hash_of(Identifier("login", customer)) in {
        name for each in again.erasures.all() for name in each.subjects
    }


def answer_of_export(lake: Lake, customer: str) -> Any:
    found = lake_command("subject", "export", "--lake", lake.root, customer)
    assert found.returncode == DONE, found.stderr
    (look,) = answer("audit", "--lake", lake.root)
    assert (look["command"], customer in json.dumps(look)) == ("subject export", False)
    return json.loads(found.stdout)


def assert_complete(exported: Any, lake: Lake, values: list[str]) -> None:
    """Every record of raw in which an identifier stands is in the export, unless somebody else's record only names the person."""
    addresses = {(each["raw_object"], each["raw_record"]) for each in exported["records"]}
    tokens = [f'"{value}"'.encode() for value in values]
    named = set()
    for name in lake.store.names():
        data = lake.store.read(name)
        lines = gzip.decompress(data).split(b"\n") if _is_plain(data) else []
        named |= {(name, n) for n, text in enumerate(lines) if any(token in text for token in tokens)}
    assert named <= addresses
    assert len(named) > 10


def _is_plain(data: bytes) -> bool:
    """True where every line is a record."""
    try:
        return b"}{" not in gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return False


def of_others(lake: Lake, named: set[str]) -> dict[str, list[str]]:
    """Curated and rejected rows that are neither of the person nor name the person or the person's orders."""
    tokens = [f'"{value}"' for value in named]
    kept = {
        table: [row for row in rows if not any(token in row for token in tokens)]
        for table, rows in holdings(lake).items()
    }
    return {table: rows for table, rows in kept.items() if rows}


def events_of(exported: Any) -> set[str]:
    """Ids of the person's events."""
    sent = [each["sent"] for each in exported["records"] if each["event_type"]]
    return {each["detail"]["metadata"]["event_id"] for each in sent}


def orders_of(exported: Any) -> set[str]:
    """The orders that the person placed."""
    placed = [each["sent"] for each in exported["records"] if each["event_type"] == "order_placed"]
    return {each["detail"]["order_id"] for each in placed}
