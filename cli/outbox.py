"""`lake outbox`: events that a bus did not take, and sending them again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import console
from cli.options import Command, examples, json_option, lake_option

if TYPE_CHECKING:
    from ingestion.outbox import Kept

_COLUMNS = ("offset", "bus", "kept_at", "event_type", "event_id", "bytes", "state", "reason")


def _outbox_option(command: Command) -> Command:
    decorate: Callable[[Command], Command] = click.option(
        "--outbox",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="LAKE_OUTBOX",
        show_envvar=True,
        help="File of the outbox; outbox.db of the lake without it.",
    )
    return decorate(command)


@click.group()
def outbox() -> None:
    """Events that a bus did not take, kept until it does."""


@outbox.command(
    "list", epilog=examples("lake outbox list", "lake outbox list --outbox /var/lib/shop/outbox.db")
)
@lake_option
@_outbox_option
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@json_option
def list_kept(folder: Path, path: Path | None, limit: int, *, as_json: bool) -> None:
    """Show what is in the outbox, in order, and why; `undeliverable` is what no bus takes, ever."""
    from ingestion.outbox import Counts, Outbox

    rows: list[dict[str, Any]] = []
    counts = Counts(0, 0)
    if (found := _found(folder, path)).exists():
        with Outbox(found) as opened:
            rows = [_row(each) for each in opened.kept(most=limit)]
            counts = opened.counts()
    console.print_json(rows) if as_json else console.print_rows(rows, columns=_COLUMNS)
    next_step = f" Next: lake outbox drain --outbox {found}" if counts.waiting else ""
    console.say(f"{counts.waiting} events wait, {counts.undeliverable} are undeliverable.{next_step}")


@outbox.command(
    "drain",
    epilog=examples(
        "lake outbox drain --dry-run",
        "lake outbox drain",
        "lake outbox drain --bus commerce-eu --outbox /var/lib/shop/outbox.db",
        "*/5 * * * * lake outbox drain   (a line for cron)",
    ),
)
@lake_option
@_outbox_option
@click.option(
    "--bus", help="Name or ARN of the bus to send to; without it, the one that each event was published to."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
def drain_outbox(folder: Path, path: Path | None, bus: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Send what waits in the outbox, in order (needs the extra `aws`).

    Region, credentials and endpoint come from AWS's environment: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and so on.
    Exits 4 when the bus is busy or out of reach; running again is safe.
    """
    from contracts.errors import StorageError

    found = _found(folder, path)
    report: dict[str, Any] = {"sent": 0, "waiting": 0, "undeliverable": 0, "calls": 0, "problem": None}
    if found.exists():
        report = _planned(found) if dry_run else _drained(found, bus)
    console.print_json(report) if as_json else console.print_rows([report])
    if dry_run:
        console.say("Nothing was sent (dry run).")
    elif report["problem"]:
        raise StorageError(
            f"The bus did not take everything ({report['problem']}); {report['waiting']} events wait in {found}. "
            "Check the network and AWS_ENDPOINT_URL, or wait where the service is busy, then run again."
        )


def _planned(path: Path) -> dict[str, Any]:
    from ingestion.outbox import Outbox

    with Outbox(path) as opened:
        return {"sent": 0, **asdict(opened.counts()), "calls": 0, "problem": None}


def _drained(path: Path, bus: str | None) -> dict[str, Any]:
    from ingestion.event_bridge import drain, event_bus_client
    from ingestion.outbox import Outbox

    with Outbox(path) as opened:
        return asdict(drain(opened, event_bus_client(), bus=bus))


def _found(folder: Path, path: Path | None) -> Path:
    """The outbox that is named, or the lake's, which is made when something is kept."""
    from contracts.errors import UsageError
    from lakehouse.lake import Lake

    if path is None:
        return Lake.open(folder).outbox_path
    if not path.is_file():
        raise UsageError(f"{path} is not there. Name the file that the producer was given as its outbox.")
    return path


def _row(kept: Kept) -> dict[str, Any]:
    from ingestion.put_events import names_of

    event_type, event_id = names_of(kept.record)
    return {
        "offset": kept.offset,
        "bus": kept.bus,
        "kept_at": kept.kept_at.replace(tzinfo=None),
        "event_type": event_type,
        "event_id": event_id,
        "bytes": len(kept.record),
        "state": "waiting" if kept.is_deliverable else "undeliverable",
        "reason": kept.reason,
    }
