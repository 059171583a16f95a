"""`lake backfill`: a reprocess by a file that was reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli import console
from cli.options import examples, json_option, lake_option
from cli.reprocess import difference_rows, follow, say_plan

if TYPE_CHECKING:
    from pipeline.backfill import BackfillRecord

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def backfill() -> None:
    """Judge raw of the past anew by a file that says why, by whom, and what may differ."""


@backfill.command(epilog=examples("lake backfill plan backfills/channel-of-2025.yaml"))
@lake_option
@_file
@json_option
def plan(folder: Path, file: Path, *, as_json: bool) -> None:
    """Say what FILE would read and what may change, and do nothing."""
    from contracts.backfills import load_backfill
    from lakehouse.lake import Lake
    from pipeline.backfill import windows
    from pipeline.reprocess_plan import plan_reprocess
    from pipeline.window import Window

    found = load_backfill(file)
    whole = Window(found.start, found.end)
    say_plan(plan_reprocess(Lake.open(folder), whole), as_json=as_json)
    console.say(f"{found.name}: {len(list(windows(found)))} slices. {found.reason} ({found.owner})")


@backfill.command(epilog=examples("lake backfill run backfills/channel-of-2025.yaml"))
@lake_option
@_file
@json_option
def run(folder: Path, file: Path, *, as_json: bool) -> None:
    """Run FILE slice by slice; a slice that does not come out as expected is refused (exit 1). Broken off, run it again."""
    from contracts.backfills import load_backfill
    from contracts.errors import ExpectationError
    from lakehouse.lake import Lake
    from pipeline.backfill import run_backfill

    lake = Lake.open(folder)
    try:
        with console.progress_bar() as progress:
            record = run_backfill(lake, load_backfill(file), progress=progress)
    except ExpectationError:
        follow(lake)  # the slices before it are published
        raise
    follow(lake)
    _print([record], as_json=as_json)


@backfill.command(epilog=examples("lake backfill status", "lake backfill status --json"))
@lake_option
@json_option
def status(folder: Path, *, as_json: bool) -> None:
    """Show every backfill that was begun, and how far it is."""
    from lakehouse.lake import Lake
    from pipeline.backfill import backfill_records

    _print(backfill_records(Lake.open(folder)), as_json=as_json)


def _print(records: list[BackfillRecord], *, as_json: bool) -> None:
    if as_json:
        console.print_json([msgspec.to_builtins(each) for each in records])
        return
    console.print_rows([_row(each) for each in records])
    if len(records) == 1:
        console.print_rows(difference_rows(d for each in records[0].done for d in each.differences))


def _row(record: BackfillRecord) -> dict[str, Any]:
    return {
        "backfill": record.name,
        "owner": record.owner,
        "slices_done": len(record.done),
        "slices": record.slices,
        "releases": ", ".join(str(number) for each in record.done for number in each.releases),
    }
