"""`lake demo`: the whole road, walked once on simulated commerce."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli import console
from cli.options import examples

if TYPE_CHECKING:
    from lakehouse.lake import Lake

_ANALYSES: Final = ("revenue_by_channel_and_day", "conversion_funnel", "top_products")
_ROWS: Final = 8


@click.command(epilog=examples("lake demo", "lake demo --events 100000 --lake my-demo"))
@click.option(
    "--lake",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-lake"),
    show_default=True,
    help="Folder of the demo's lake; made afresh.",
)
@click.option(
    "--events", type=click.IntRange(1000), default=60_000, show_default=True, help="Events to simulate."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same commerce.")
def demo(folder: Path, events: int, seed: int) -> None:
    """Walk the whole road: simulate commerce with some faults, land, curate, build marts, ask."""
    lake = _fresh_lake(folder)
    console.say(f"1/5  Simulating {events} events over 14 days, with faults …")
    _simulate(lake, events, seed)
    console.say("2/5  Publishing a stock count through the event log, and landing it …")
    _publish_count(lake)
    console.say("3/5  Curating: validate, deduplicate, quarantine …")
    release = _curate(lake)
    console.say("4/5  Deriving sessions, identities and stock …")
    from pipeline.build import build
    from pipeline.derive import derive

    derive(lake)
    console.say("5/5  Building the marts with dbt …")
    built = build(lake)
    _answer(lake)
    console.say(
        f"\nCurated is release {release}, the marts are release {built.release}. Try next:\n"
        f"  lake status --lake {folder}\n"
        f"  lake quarantine list --lake {folder}\n"
        f'  lake sql --lake {folder} "select * from marts.mart_daily_sales order by sold_date desc limit 10"\n'
        f"  lake contracts show order_placed"
    )


def _fresh_lake(folder: Path) -> Lake:
    from contracts.errors import UsageError
    from lakehouse.lake import PROFILE, Lake

    if folder.exists() and any(folder.iterdir()):
        if not (folder / PROFILE).exists() or not (folder / ".demo").exists():
            raise UsageError(
                f"{folder} holds something that no demo made. Name another folder: `lake demo --lake DIR`."
            )
        shutil.rmtree(folder)
    lake = Lake.create(folder)
    (folder / ".demo").touch()
    return lake


def _simulate(lake: Lake, events: int, seed: int) -> None:
    from simulator import simulate
    from simulator.landing import write_simulation

    start = dt.date(2026, 11, 1)
    objects = simulate(lake.declarations, events=events, days=14, seed=seed, start=start, faults=True)
    with console.progress_bar() as progress:
        write_simulation(
            lake, objects, seed=seed, faults=True, progress=lambda n: progress("events simulated", n, events)
        )


def _publish_count(lake: Lake) -> None:
    from ingestion.event_log import EventLog
    from ingestion.lander import land
    from ingestion.publisher import Publisher

    now = dt.datetime.now(dt.UTC)
    counted = {"sku": "DEMO-1", "location_id": "demo-store", "counted_quantity": 12, "count_id": "demo-count"}
    with EventLog(lake.log_path) as log:
        Publisher(lake.declarations, log, source="demo").publish(
            [{"event_type": "stock_counted", "occurred_at": now, "data": counted}]
        )
        land(log, lake.store, now=now)


def _curate(lake: Lake) -> int:
    from pipeline.accounts import totals
    from pipeline.curate import curate

    with console.progress_bar() as progress:
        result = curate(lake, progress=progress)
    sums = totals(result.accounts)
    row: dict[str, Any] = {"received": sums["records"]}
    row |= {name: sums[name] for name in ("curated", "duplicates", "quarantined", "missing")}
    console.print_rows([row], title="Every record, accounted for")
    return result.releases[-1]


def _answer(lake: Lake) -> None:
    from lakehouse.sql import connect, query, release_of
    from pipeline.build import project_of

    with connect(lake, release_of(lake)) as connection:
        for name in _ANALYSES:
            text = (project_of(lake) / "analyses" / f"{name}.sql").read_text(encoding="utf-8")
            question = text.splitlines()[0].removeprefix("-- ")
            console.print_rows(query(connection, text).to_pylist()[:_ROWS], title=question)
