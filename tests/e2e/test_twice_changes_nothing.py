from __future__ import annotations

import datetime as dt
from pathlib import Path

from commands import DONE, lake_command
from holdings import accounts, files_of, holdings, newest
from shop_raw import DAY, MONDAY, Turmoil, again, put, sent

from ingestion.event_log import EventLog
from ingestion.ingest import ingest
from ingestion.lander import land
from ingestion.publisher import Publisher
from lakehouse.lake import Lake
from lakehouse.mappings import load_mapping
from pipeline.curate import curate


def untouched(lake: Lake) -> dict[str, tuple[int, int]]:
    """Every file of a lake but the lease, which says who looked, and the memory of listings, which only saves work."""
    return files_of(
        lake.root, lambda path: path.parent.name != "lease" and not path.name.startswith("listing.db")
    )


def test_curating_twice_changes_nothing(lake: Lake) -> None:
    for each in Turmoil(1).objects:
        each.put(lake)
    curate(lake)
    before = untouched(lake)
    assert curate(lake).releases == []
    assert untouched(lake) == before


def test_the_command_run_twice_says_so_and_changes_nothing(lake: Lake) -> None:
    put(lake, "one", sent("page_viewed", "e-1"), sent("stock_adjusted", "e-2"))
    curate(lake)
    before = untouched(lake)
    done = lake_command("curate", "--lake", lake.root)
    assert (done.returncode, done.stdout) == (DONE, "")
    assert "Nothing new in raw" in done.stderr
    assert untouched(lake) == before


def test_an_object_written_again_with_the_same_bytes_changes_nothing(lake: Lake) -> None:
    objects = Turmoil(2).objects
    for each in objects:
        each.put(lake)
    curate(lake)
    held, release = holdings(lake), newest(lake).number
    objects[0].put(lake)
    curate(lake)
    assert (holdings(lake), newest(lake).number) == (held, release)


def test_a_replay_of_everything_is_all_duplicates(lake: Lake) -> None:
    records = [sent("page_viewed", f"e-{n}", at=MONDAY) for n in range(5)]
    put(lake, "first", *records)
    curate(lake)
    held = holdings(lake)
    replayed = put(lake, "replay", *(again(r, MONDAY + DAY) for r in records), at=MONDAY + DAY)
    curate(lake)
    assert holdings(lake) == held
    assert accounts(lake)[replayed]["duplicates"] == 5


def test_ingesting_the_same_file_again_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    rows = "number,since\n1,2026-11-01 10:00:00\n2,2026-11-01 11:00:00\n"
    (tmp_path / "customers.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "customers.yaml").write_text(
        "events: [{event_type: customer_registered, source: crm, occurred_at: since, id: [number],"
        " historical: true, fields: {customer_id: number}}]",
        encoding="utf-8",
    )
    mapping = load_mapping(tmp_path / "customers.yaml", lake.declarations)
    held = []
    for _ in range(2):
        with EventLog(lake.log_path) as log:
            ingest([tmp_path / "customers.csv"], mapping, Publisher(lake.declarations, log))
            landed = land(log, lake.store, now=dt.datetime.now(dt.UTC))
        assert sum(each.records for each in landed) == 2
        curate(lake)
        held.append(holdings(lake))
    assert len(held[0]["curated.customer_registered"]) == 2
    assert held[0] == held[1]
