"""Commands along the road: events in, raw, curated, marts."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import console
from cli.options import examples, json_option, lake_option

if TYPE_CHECKING:
    from lakehouse.lake import Lake
    from pipeline.build import BuildResult
    from pipeline.curate import CurateResult
    from pipeline.derive import DeriveResult


@click.command(
    epilog=examples(
        "lake simulate --events 50000 --days 7", "lake simulate --events 20000 --days 3 --seed 7 --faults"
    )
)
@lake_option
@click.option(
    "--events",
    type=click.IntRange(1),
    default=50_000,
    show_default=True,
    help="Events to make, faults not counted.",
)
@click.option(
    "--days", type=click.IntRange(1), default=7, show_default=True, help="Days they are spread over."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2026-11-01", show_default=True, help="First day."
)
@click.option("--faults", is_flag=True, help="Mix in faults, and write a manifest that names every one.")
@json_option
def simulate(
    folder: Path, events: int, days: int, seed: int, start: dt.datetime, *, faults: bool, as_json: bool
) -> None:
    """Simulate commerce: raw objects as Firehose would land them."""
    from simulator import simulate as run_simulation
    from simulator.landing import write_simulation

    lake = _open(folder)
    objects = run_simulation(
        lake.declarations, events=events, days=days, seed=seed, start=start.date(), faults=faults
    )
    with console.progress_bar() as progress:
        report = write_simulation(
            lake,
            objects,
            seed=seed,
            faults=faults,
            progress=lambda n: progress("events simulated", n, events),
        )
    if as_json:
        console.print_json(report)
    else:
        manifest = f"; the faults are named in {report['manifest']}" if faults else ""
        console.say(
            f"{report['records']} records in {report['objects']} raw objects{manifest}. Next: lake run --lake {folder}"
        )


@click.command(epilog=examples("lake land"))
@lake_option
@json_option
def land(folder: Path, *, as_json: bool) -> None:
    """Turn what waits in the event log into raw objects."""
    landed = _land(_open(folder))
    if as_json:
        console.print_json(landed)
    else:
        console.say(f"{sum(each['records'] for each in landed)} records landed in {len(landed)} raw objects.")


@click.command(epilog=examples("lake curate", "lake curate --json | jq .releases"))
@lake_option
@json_option
def curate(folder: Path, *, as_json: bool) -> None:
    """Curate every raw object not curated yet: validate, deduplicate, publish.

    Exits 1 when more records were quarantined than the profile's quarantine_threshold allows; they are published all the same.
    """
    lake = _open(folder)
    result = _curate(lake)
    console.print_json(_curate_report(result)) if as_json else _print_curated(result)
    _check_threshold(lake, result)


@click.command(epilog=examples("lake derive", "lake derive --json | jq .rows"))
@lake_option
@json_option
def derive(folder: Path, *, as_json: bool) -> None:
    """Bring sessions, identities and stock up to the newest release, from the events that came or went."""
    result = _derive(_open(folder))
    console.print_json(asdict(result)) if as_json else console.say(_derived(result))


@click.command(epilog=examples("lake build", "lake build --full"))
@lake_option
@click.option("--full", is_flag=True, help="Make every mart again, in whole.")
@json_option
def build(folder: Path, *, full: bool, as_json: bool) -> None:
    """Bring the marts up to the newest release, with dbt."""
    from pipeline.build import build as run_build

    result = run_build(_open(folder), full=full)
    console.print_json(_build_report(result)) if as_json else console.say(_built(result))


@click.command(epilog=examples("lake run", "*/15 * * * * lake run --lake /data/lake   (a line for cron)"))
@lake_option
@json_option
def run(folder: Path, *, as_json: bool) -> None:
    """Land, curate, derive and build: what a scheduler calls. Run twice, nothing changes."""
    from pipeline.build import build as run_build

    lake = _open(folder)
    landed = _land(lake)
    curated = _curate(lake)
    derived = _derive(lake)
    built = run_build(lake)
    if as_json:
        report = {"landed": landed, "curated": _curate_report(curated), "derived": asdict(derived)}
        console.print_json({**report, "built": _build_report(built)})
    else:
        _print_curated(curated)
        console.say(_derived(derived))
        console.say(_built(built))
    _check_threshold(lake, curated)


def _open(folder: Path) -> Lake:
    from lakehouse.lake import Lake

    return Lake.open(folder)


def _land(lake: Lake) -> list[dict[str, Any]]:
    from ingestion.event_log import EventLog
    from ingestion.lander import land as run_land

    if not lake.log_path.exists():
        return []
    with EventLog(lake.log_path) as log:
        landed = run_land(log, lake.store, now=dt.datetime.now(dt.UTC))
    return [
        {"raw_object": each.raw_object, "records": each.records, "bytes": each.stored_size} for each in landed
    ]


def _curate(lake: Lake) -> CurateResult:
    from pipeline.curate import curate as run_curate

    with console.progress_bar() as progress:
        return run_curate(lake, progress=progress)


def _derive(lake: Lake) -> DeriveResult:
    from pipeline.derive import derive as run_derive

    return run_derive(lake)


def _derived(result: DeriveResult) -> str:
    if result.release is None:
        return "The derived tables are up to date."
    written = ", ".join(f"{name} {rows}" for name, rows in result.rows.items())
    return f"Rows written to derived tables: {written or 'none'}: release {result.release}."


def _curate_report(result: CurateResult) -> dict[str, Any]:
    from pipeline.accounts import totals

    return {"totals": totals(result.accounts), "releases": result.releases, "recovered": result.recovered}


def _print_curated(result: CurateResult) -> None:
    from pipeline.accounts import totals

    if result.recovered:
        console.say(f"Recovered from a run that was lost: {', '.join(result.recovered)}.")
    if not result.releases:
        console.say("Nothing new in raw.")
        return
    sums = totals(result.accounts)
    row = {
        "received": sums["records"],
        **{k: sums[k] for k in ("curated", "duplicates", "quarantined", "missing")},
    }
    console.print_rows([row], title=f"Release {result.releases[-1]}")


def _check_threshold(lake: Lake, result: CurateResult) -> None:
    from contracts.errors import ThresholdError
    from pipeline.accounts import totals

    sums = totals(result.accounts)
    share = sums.get("quarantined", 0) / sums["records"] if sums.get("records") else 0.0
    if share > lake.profile.quarantine_threshold:
        raise ThresholdError(
            f"{share:.1%} of the records were quarantined; the profile allows {lake.profile.quarantine_threshold:.1%}. "
            "They are kept, and the rest is published. Look closer with `lake quarantine list`."
        )


def _build_report(result: BuildResult) -> dict[str, Any]:
    return {
        "release": result.release,
        "marts": result.marts,
        "rows": result.rows,
        "bytes_written": result.bytes_written,
    }


def _built(result: BuildResult) -> str:
    if result.release is None:
        return "The marts are up to date."
    whole = sum(1 for days in result.marts.values() if days is None)
    return f"{len(result.marts)} marts built ({whole} in whole), {result.rows} rows written: release {result.release}."
