"""A number that a producer gave and that never arrived is reported, and no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from holdings import ask
from shop_raw import DAY, MONDAY, Record, again, put, sent
from small_project import OURS, small_lake

from contracts.declarations import BUILT_IN
from lakehouse.lake import Lake
from pipeline.build import build
from pipeline.curate import curate

pytestmark = pytest.mark.dbt

MODELS = ("intermediate/operations/int_producer_events_unioned", "marts/operations/mart_producer_gaps")
LATER = MONDAY + DAY


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A small lake with our report, and with one event type that the report was not written for."""
    lake = small_lake(tmp_path)
    models = tmp_path / "project" / "models"
    shutil.copy(OURS / "models" / "columns.md", models)
    for name in (f"{model}.{suffix}" for model in MODELS for suffix in ("sql", "yml")):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OURS / "models" / name, models / name)
    shutil.rmtree(
        tmp_path / "contracts/sources", ignore_errors=True
    )  # they map to event types that are not here
    shutil.copytree(BUILT_IN / "events/stock_counted", tmp_path / "contracts/events/added_later")
    return Lake.open(lake.root)


def numbered(producer: str | None, number: int | None, event_type: str = "page_viewed") -> Record:
    metadata = {"producer": producer, "producer_seq": number}
    made = sent(
        "stock_counted" if event_type == "added_later" else event_type,
        f"{producer}-{number}",
        metadata=metadata,
    )
    made["detail-type"] = made["detail"]["metadata"]["event_type"] = event_type
    return made


def broken(record: Record) -> Record:
    del record["detail"]["page_url"]
    return record


def gaps(lake: Lake) -> list[str]:
    """The report's rows, without the day."""
    found = ask(lake, "select * exclude (last_ingest_date) from marts.mart_producer_gaps order by producer")
    return [" ".join(map(str, row.values())) for row in found]


def test_a_dropped_number_is_reported_until_it_arrives(lake: Lake) -> None:
    first = numbered("shop/a", 0, "order_placed")
    arrived = [first, again(first, LATER), numbered("shop/a", 1), numbered("shop/a", 3)]
    arrived += [broken(numbered("shop/a", 4)), numbered("shop/a", 6, "added_later")]
    others = [numbered("shop/b", 7), numbered(None, 3), numbered("shop/c", None)]
    put(lake, "first", *arrived, *others)
    curate(lake)
    build(lake)
    assert gaps(lake) == ["shop/a 0 6 5 2", "shop/b 7 7 1 0"]

    put(lake, "late", again(numbered("shop/a", 5, "added_later"), LATER), at=LATER)
    curate(lake)
    assert list(build(lake).marts) == ["mart_producer_gaps"]
    assert gaps(lake) == ["shop/a 0 6 6 1", "shop/b 7 7 1 0"]
    days = ask(lake, "select last_ingest_date from marts.mart_producer_gaps order by producer")
    assert [row["last_ingest_date"] for row in days] == [LATER.date(), MONDAY.date()]
