from __future__ import annotations

import datetime as dt
import os

import pytest

from contracts.layout import NO_DATE, arrival_date
from lakehouse.lake import Lake
from pipeline.curate import curate
from pipeline.plan import Plan, plan
from tests.records import HOUR, event, put_raw

OLD = "bus=commerce/ingest_date=2020-01-01/ingest_hour=00"


def planned(lake: Lake) -> list[str]:
    return [name for name, _ in plan(lake, lake.releases.latest()).objects]


def test_a_lake_without_raw_has_nothing_to_do(lake: Lake) -> None:
    found = plan(lake, None)
    assert (found.objects, found.size, list(found.slices(10))) == ([], 0, [])


def test_every_object_of_a_new_lake_is_planned_in_order_of_names(lake: Lake) -> None:
    names = [put_raw(lake, name, event()) for name in ("b", "a")]
    put_raw(lake, "odd", event(), folder="elsewhere")
    found = plan(lake, None)
    assert [name for name, _ in found.objects] == [*sorted(names), "elsewhere/odd.json.gz"]
    assert found.size == sum(len(lake.store.read(name)) for name in names) + len(
        lake.store.read("elsewhere/odd.json.gz")
    )


def test_what_is_curated_is_not_planned_again_and_what_is_new_is(lake: Lake) -> None:
    put_raw(lake, "a", event(event_id="e-1"))
    curate(lake)
    assert planned(lake) == []
    late = put_raw(lake, "late", event(event_id="e-2"), folder=OLD)
    new = put_raw(lake, "b", event(event_id="e-3"))
    assert planned(lake) == [late, new]
    curate(lake)
    assert planned(lake) == []


def test_folders_that_did_not_change_are_not_looked_into_again(lake: Lake) -> None:
    put_raw(lake, "a", event())
    os.utime(lake.root / "raw" / HOUR, (1000.0, 1000.0))
    curate(lake)
    assert plan(lake, lake.releases.latest()).folders == []


def test_a_folder_moved_in_with_its_old_times_is_found(lake: Lake) -> None:
    put_raw(lake, "a", event(event_id="e-1"))
    elsewhere = put_raw(lake, "b", event(event_id="e-2"), folder="elsewhere")
    aside = lake.root / "aside"
    (lake.root / "raw" / "elsewhere").rename(aside)
    for folder in (lake.root / "raw" / HOUR, aside):
        os.utime(folder, (1000.0, 1000.0))
    curate(lake)
    aside.rename(lake.root / "raw" / "elsewhere")
    assert planned(lake) == [elsewhere]


def test_work_is_cut_into_runs_of_at_most_the_slice_size() -> None:
    work = Plan([("a", 4), ("b", 6), ("c", 1), ("d", 25), ("e", 9), ("f", 2)], [])
    assert list(work.slices(10)) == [[["a", "b"]], [["c"]], [["d"]], [["e"]], [["f"]]]


def test_the_objects_of_a_run_are_cut_into_batches_of_at_most_a_mebibyte() -> None:
    kibibyte = 1024
    work = Plan(
        [("a", 700 * kibibyte), ("b", 324 * kibibyte), ("c", 1), ("d", 9999 * kibibyte), ("e", 1)], []
    )
    assert list(work.slices(10**9)) == [[["a", "b"], ["c"], ["d"], ["e"]]]


@pytest.mark.parametrize(
    ("raw_object", "date"),
    [
        (f"{HOUR}/a.json.gz", dt.date(2026, 11, 1)),
        ("elsewhere/a.json.gz", NO_DATE),
        ("bus=commerce/ingest_date=2026-02-30/ingest_hour=09/a.json.gz", NO_DATE),
        ("bus=commerce/ingest_date=2026-11-01/ingest_hour=24/a.json.gz", NO_DATE),
        (f"x/{HOUR}/a.json.gz", NO_DATE),
    ],
)
def test_an_object_arrived_on_the_date_in_its_path(raw_object: str, date: dt.date) -> None:
    assert arrival_date(raw_object) == date
