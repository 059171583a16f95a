"""`lake reprocess`: a window of raw judged anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli import console
from cli.options import examples, json_option, lake_option

if TYPE_CHECKING:
    from lakehouse.lake import Lake
    from pipeline.build import BuildResult
    from pipeline.derive import DeriveResult
    from pipeline.reprocess import ReprocessResult
    from pipeline.reprocess_plan import ReprocessPlan
    from pipeline.restate import TableDifference
    from pipeline.window import Window

HOURS: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])
"""A day, or an hour of it."""


@click.command(
    epilog=examples(
        "lake reprocess --from 2026-11-01 --to 2026-11-04 --dry-run",
        "lake reprocess --from 2026-11-01 --to 2026-11-04",
        "lake reprocess --from 2026-11-01T09:00 --to 2026-11-01T12:00 --json | jq .differences",
    )
)
@lake_option
@click.option("--from", "start", type=HOURS, required=True, help="First hour of arrival (UTC).")
@click.option("--to", "end", type=HOURS, required=True, help="Hour after the last (UTC).")
@click.option(
    "--events",
    "event_types",
    multiple=True,
    metavar="TYPE",
    help="Only rows of this event type may differ, or nothing is published; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be read and may change, and do nothing.")
@json_option
def reprocess(
    folder: Path,
    start: dt.datetime,
    end: dt.datetime,
    event_types: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Judge raw that arrived from --from until before --to anew, by the contracts of today, and publish what differs.

    Then the derived tables and the marts follow. Runs go on meanwhile. Broken off, run it again; `lake undo` takes it back.
    """
    from lakehouse.lake import Lake
    from pipeline.reprocess_plan import plan_reprocess
    from pipeline.window import Window

    lake, window = Lake.open(folder), Window(start, end)
    if dry_run:
        say_plan(plan_reprocess(lake, window), as_json=as_json)
    else:
        _reprocess(lake, window, event_types, as_json=as_json)


def _reprocess(lake: Lake, window: Window, event_types: tuple[str, ...], *, as_json: bool) -> None:
    from contracts.backfills import Expectation
    from pipeline.expectation import hold_against
    from pipeline.reprocess import reprocess as judge_anew

    expected = Expectation(tuple(lake.declarations.event(name).name for name in event_types))
    check = (lambda found: hold_against(expected, found)) if event_types else None
    with console.progress_bar() as progress:
        result = judge_anew(lake, window, check=check, progress=progress)
    derived, built = follow(lake)
    if as_json:
        report = {"derived": derived.rows, "marts": built.marts}
        console.print_json({**_report(result), **report, "release": built.release})
        return
    if not result.releases:
        console.say(f"{result.objects} raw objects judged anew; nothing differs.")
        return
    console.print_rows(difference_rows(result.differences))
    releases = ", ".join(map(str, result.releases))
    console.say(
        f"{result.objects} raw objects judged anew: release {releases}. Marts built again: {len(built.marts)}."
    )


def follow(lake: Lake) -> tuple[DeriveResult, BuildResult]:
    """Let the derived tables and the marts follow what changed."""
    from pipeline.build import build
    from pipeline.derive import derive

    return derive(lake), build(lake)


def _report(result: ReprocessResult) -> dict[str, Any]:
    return {
        "raw_objects": result.objects,
        "differences": difference_rows(result.differences),
        "corrections": [asdict(each) for each in result.corrections],
        "releases": result.releases,
        "bytes_read": result.bytes_read,
    }


def difference_rows(differences: Iterable[TableDifference]) -> list[dict[str, Any]]:
    """A row for each table and day; columns that changed with how often."""
    return [
        {
            "table": each.table,
            "day": day.day,
            "added": day.added,
            "removed": day.removed,
            "changed": day.changed,
            "columns": ", ".join(f"{name} {count}" for name, count in day.columns.items()),
        }
        for each in differences
        for day in each.days
    ]


def say_plan(plan: ReprocessPlan, *, as_json: bool) -> None:
    """Print what a reprocess would read, and could touch."""
    if as_json:
        console.print_json(asdict(plan))
        return
    console.print_rows(
        [
            {"table": table, "days": f"{days[0]} to {days[-1]}, {len(days)}"}
            for table, days in plan.days.items()
        ]
    )
    lasting = f", in about {dt.timedelta(seconds=round(plan.seconds))}" if plan.seconds is not None else ""
    costing = f", for about {plan.cost.usd} USD ({plan.cost.basis})" if plan.cost else ""
    console.say(
        f"{plan.raw_objects} raw objects ({plan.raw_bytes} bytes, {plan.records} records) would be read{lasting}{costing}. "
        f"Marts that may change: {', '.join(plan.marts) or 'none'}. Nothing was done."
    )
