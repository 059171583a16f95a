"""Commands that make a lake, or make it again."""

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
    from pipeline.maintain import Maintained


@click.command(
    epilog=examples(
        "lake init", "lake init /data/lake", "lake init lake --store s3://our-bucket/lake --catalogue glue"
    )
)
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False), envvar="LAKE_HOME", default=Path("lake")
)
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), help="What computes; duckdb without it.")
@click.option(
    "--store", metavar="files|s3://BUCKET/PREFIX", help="Where everything is; in FOLDER without it."
)
@click.option(
    "--catalogue", type=click.Choice(["sqlite", "glue"]), help="Iceberg's catalogue; sqlite without it."
)
@click.option(
    "--glue-database-prefix", metavar="PREFIX", help="Begins the names of Glue's databases; lake_ without it."
)
def init(folder: Path, **chosen: str | None) -> None:
    """Make a lake in FOLDER (./lake without one). A lake there already is left as it is.

    On S3, FOLDER has the profile and scratch; a folder on another machine with the same profile is the same lake.
    """
    from lakehouse.lake import Lake

    lake = Lake.create(folder, {name: value for name, value in chosen.items() if value is not None})
    console.say(
        f"A lake is in {lake.root}. Next: lake simulate --lake {folder}, then lake run --lake {folder}"
    )


@click.command(epilog=examples('lake pause --reason "prices of 2026-11-01 are being looked into"'))
@lake_option
@click.option("--reason", required=True, help="Told to whoever starts a run.")
def pause(folder: Path, reason: str) -> None:
    """Let no run begin until `lake resume`; one under way ends with the slice it is at. What arrives waits in raw."""
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from pipeline.pause import pause as let_none_begin

    let_none_begin(Lake.open(folder), reason, utc_now())
    console.say(f"Paused. Runs exit with 3 until: lake resume --lake {folder}")


@click.command(epilog=examples("lake resume"))
@lake_option
def resume(folder: Path) -> None:
    """Let runs begin again after `lake pause`."""
    from lakehouse.lake import Lake
    from pipeline.pause import resume as let_begin

    ended = let_begin(Lake.open(folder))
    console.say(
        f"Resumed; it was paused since {ended.since:%Y-%m-%d %H:%M:%SZ}." if ended else "It was not paused."
    )


@click.command(
    epilog=examples("lake undo 20261101T093000a1b2c3d4 --dry-run", "lake undo 20261101T093000a1b2c3d4")
)
@lake_option
@click.argument("run")
@click.option("--dry-run", is_flag=True, help="Say what would be taken back, and do nothing.")
@json_option
def undo(folder: Path, run: str, *, dry_run: bool, as_json: bool) -> None:
    """Put the lake back to the release before RUN, the newest curate: its rows go, and what was derived and built of them.

    Raw stays. The next run curates the objects of RUN again, so mend first what was wrong: a contract, a mapping.
    """
    from lakehouse.lake import Lake
    from pipeline.undo import plan_undo
    from pipeline.undo import undo as put_back

    lake = Lake.open(folder)
    found = plan_undo(lake, run) if dry_run else put_back(lake, run)
    rows = [
        {"table": each.table, "rows_before": each.rows_before, "rows_after": each.rows_after}
        for each in found.tables
    ]
    releases = [{"release": each.number, "verb": each.verb, "run_id": each.run_id} for each in found.releases]
    if as_json:
        console.print_json({"taken_back": releases, "tables": rows, "release": found.release})
        return
    console.print_rows(rows)
    named = ", ".join(f"{each['release']} ({each['verb']})" for each in releases)
    done = "would be taken back. Nothing was." if dry_run else f"taken back, in release {found.release}."
    console.say(f"Releases {named} {done} Next: mend what was wrong, then lake run --lake {folder}")


@click.command(epilog=examples("lake maintain --dry-run", "lake maintain"))
@lake_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def maintain(folder: Path, *, dry_run: bool, as_json: bool) -> None:
    """Take out what was kept for as long as its contract allows, make many small files of a day into one, let old releases go.

    What went and when is kept in the lake; raw is rewritten, and every table follows. The profile says which releases stay:
    keep_releases, keep_days. With Glue's catalogue, Glue's table optimizers compact and expire.
    """
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake

    lake, now = Lake.open(folder), utc_now()
    retained = _retain(lake, now, dry_run=dry_run)
    kept = _keep_up(lake, now, dry_run=dry_run)
    if as_json:
        console.print_json({**asdict(kept), "retention": retained})
        return
    by_type = [{"event_type": name, "records": count} for name, count in retained["records"].items()]
    console.print_rows(by_type, columns=["event_type", "records"], title="Kept for as long as they may be")
    rows = [
        {"table": table, "day": day, "files": count}
        for table, days in kept.compacted.items()
        for day, count in days.items()
    ]
    console.print_rows(rows, columns=["table", "day", "files"], title="Files of a day that become one")
    done = "would go. Nothing was done." if dry_run else "went."
    console.say(f"{len(kept.expired)} old releases, {kept.deleted} files {done}")
    if lake.profile.catalogue == "glue":
        console.say("Glue's table optimizers compact and expire this lake's tables.")


def _retain(lake: Lake, now: dt.datetime, *, dry_run: bool) -> dict[str, Any]:
    """Records past their retention by event type, and what came of it: rows by table that went or lost values, and releases."""
    from lakehouse.retentions import Retention
    from pipeline.past_retention import past_retention
    from pipeline.retention import retain

    if dry_run:
        return {"records": past_retention(lake, now).counts, "rows": {}, "releases": []}
    with console.progress_bar() as progress:
        done = retain(lake, now, progress=progress) or Retention(0, now)
    return {"records": done.records, "rows": done.rows, "releases": list(done.releases)}


def _keep_up(lake: Lake, now: dt.datetime, *, dry_run: bool) -> Maintained:
    from pipeline.maintain import Maintained, maintain, plan_maintain

    if lake.profile.catalogue == "glue":
        return Maintained()
    return plan_maintain(lake, now) if dry_run else maintain(lake, now)


@click.command(epilog=examples("lake rebuild --dry-run", "lake rebuild --yes"))
@lake_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rebuild(folder: Path, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Make the lake again from raw and contracts alone; what was derived before is set aside, not deleted."""
    from pipeline.accounts import totals
    from pipeline.rebuild import plan_rebuild
    from pipeline.rebuild import rebuild as run_rebuild

    plan = plan_rebuild(folder)
    console.say(
        f"{plan.raw_objects} raw objects ({plan.raw_bytes} bytes) are read; set aside: {', '.join(plan.set_aside) or 'nothing'}."
    )
    if dry_run:
        return
    if not yes:
        click.confirm("Rebuild?", abort=True, err=True)
    with console.progress_bar() as progress:
        curated, built, aside = run_rebuild(plan, progress=progress)
    report = {
        **totals(curated.accounts),
        "release": built.release,
        "set_aside": str(aside) if aside else None,
    }
    console.print_json(report) if as_json else console.print_rows([report])
