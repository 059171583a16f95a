"""`lake archive`: EventBridge's own replays, from an archive of a bus."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import click

from cli import console
from cli.options import examples, json_option, lake_option

_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def archive() -> None:
    """Replays that EventBridge makes from an archive of a bus: start one, follow it, see what came back.

    `lake replay` sends what is curated, in order; an archive sends whatever the bus took in, in any order.
    """


@archive.command(
    epilog=examples(
        "lake archive start again-1 --archive arn:aws:events:eu-west-1:123456789012:archive/shop \\\n"
        "      --bus arn:aws:events:eu-west-1:123456789012:event-bus/shop --from 2026-11-01 --to 2026-11-02"
    )
)
@lake_option
@click.argument("name")
@click.option("--archive", "archive_arn", required=True, metavar="ARN", help="The archive.")
@click.option("--bus", required=True, metavar="ARN", help="The bus that it is an archive of.")
@click.option("--from", "start", type=_TIMES, required=True, help="First moment on the bus (UTC).")
@click.option("--to", "end", type=_TIMES, required=True, help="Moment after the last (UTC).")
@click.option("--rule", "rules", multiple=True, metavar="ARN", help="Only for this rule; may be repeated.")
def start(
    folder: Path,
    name: str,
    archive_arn: str,
    bus: str,
    start: dt.datetime,
    end: dt.datetime,
    rules: tuple[str, ...],
) -> None:
    """Start the replay NAME of what the bus took in from --from until before --to (needs the extra `aws`)."""
    from ingestion.publisher import utc_now
    from lakehouse._aws import client
    from lakehouse.lake import Lake
    from pipeline.archive import ArchiveReplay, start_archive_replay

    times = start.replace(tzinfo=dt.UTC), end.replace(tzinfo=dt.UTC), utc_now()
    start_archive_replay(
        Lake.open(folder), client("events"), ArchiveReplay(name, archive_arn, *times), bus, rules
    )
    console.say(f"Replay {name} is started. Next: lake archive follow {name}")


@archive.command(epilog=examples("lake archive follow again-1"))
@click.argument("name")
def follow(name: str) -> None:
    """Wait until the replay NAME has ended, and say how far it is. Exits 4 when it failed."""
    from lakehouse._aws import client
    from pipeline.archive import follow as wait_for

    wait_for(
        client("events"),
        name,
        lambda state, at: console.say(f"{state.lower()}{f', at {at}' if at else ''}"),
    )


@archive.command(epilog=examples("lake archive reconcile again-1"))
@lake_option
@click.argument("name")
@json_option
def reconcile(folder: Path, name: str, *, as_json: bool) -> None:
    """Hold what came back into raw against what is curated of that time. Exits 1 while something is missing.

    An archive may trail by ten minutes, and raw by a landing: look again later.
    """
    from contracts.errors import ThresholdError
    from lakehouse.lake import Lake
    from pipeline.archive import reconcile as hold_against

    found = hold_against(Lake.open(folder), name)
    row = {
        "expected": found.expected,
        "came": found.came,
        "missing": found.expected - found.came,
        "others": found.others,
    }
    console.print_json(asdict(found)) if as_json else console.print_rows([row])
    if found.missing:
        raise ThresholdError(
            f"{found.expected - found.came} events did not come back yet, such as {found.missing[0]}. Look again later, or replay again."
        )
