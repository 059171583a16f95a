"""`lake redrive`: failed deliveries brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import console
from cli.options import Command, examples, json_option, lake_option
from cli.outbox import drain_outbox

if TYPE_CHECKING:
    from ingestion.redrive import Report, Way

_SHOWN = 5
_COUNTS = ("found", "redriven", "already_redriven", "undeliverable", "waiting", "unreadable")


def _way_options(command: Command) -> Command:
    bus: Callable[[Command], Command] = click.option(
        "--bus", help="Name or ARN of an EventBridge bus to send to; without it, the event log of the lake."
    )
    dry: Callable[[Command], Command] = click.option(
        "--dry-run", is_flag=True, help="Say what would be redriven, and change nothing."
    )
    return bus(dry(command))


@click.group()
def redrive() -> None:
    """Bring failed deliveries back through the front door, each record once."""


redrive.add_command(drain_outbox, "outbox")  # what a bus did not take goes back one way, by either name


@redrive.command(
    epilog=examples(
        "lake redrive errors s3://shop-events/errors/ --dry-run",
        "lake redrive errors s3://shop-events/errors/",
        "lake redrive errors ./processing-failed ./format-conversion-failed --bus commerce",
    )
)
@lake_option
@click.argument("prefixes", nargs=-1, required=True, metavar="PREFIX...")
@_way_options
@json_option
def errors(folder: Path, prefixes: tuple[str, ...], bus: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Redrive what Firehose could not deliver: objects under its error prefixes, folders or s3:// addresses.

    Objects stay as they are. A line without an event is counted, named and left. Redriving again adds nothing.
    """
    from ingestion.redrive import redrive_errors, store_at

    stores = [store_at(each) for each in prefixes]
    with _way(folder, bus, dry_run=dry_run) as way:
        report = redrive_errors(stores, way)
    _say(report, folder, bus, dry_run=dry_run, as_json=as_json)


@redrive.command(
    epilog=examples(
        "lake redrive queue https://sqs.eu-west-1.amazonaws.com/123456789012/shop-dlq --dry-run",
        "lake redrive queue https://sqs.eu-west-1.amazonaws.com/123456789012/shop-dlq",
    )
)
@lake_option
@click.argument("url")
@_way_options
@json_option
def queue(folder: Path, url: str, bus: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Redrive a dead-letter queue on SQS, of EventBridge rules or of Lambda functions (needs the extra `aws`).

    A message is deleted once its event is in the event log, or the bus has it; one without an event stays. A dry run
    asks the queue only how many wait, as receiving them would hide them.
    """
    from ingestion.dead_letter_queue import Queue, queue_client, redrive_queue
    from ingestion.redrive import Report
    from lakehouse.lake import Lake

    found = Queue(url, queue_client())
    if dry_run:
        Lake.open(folder)
        depth = found.depth()
        report = Report(found=depth, waiting=depth)
    else:
        with _way(folder, bus, dry_run=False) as way:
            report = redrive_queue(found, way)
    _say(report, folder, bus, dry_run=dry_run, as_json=as_json)


@contextmanager
def _way(folder: Path, bus: str | None, *, dry_run: bool) -> Iterator[Way]:
    import tempfile

    from ingestion.event_log import EventLog
    from ingestion.redrive import IntoLog, Nowhere
    from lakehouse.lake import Lake

    path = Lake.open(folder).log_path
    with tempfile.TemporaryDirectory() as scratch:
        is_to_be_made = dry_run and not path.exists()
        with EventLog(Path(scratch) / "log.db" if is_to_be_made else path) as log:
            if dry_run:
                yield Nowhere(log)
            elif bus:
                from ingestion.event_bridge import event_bus_client
                from ingestion.redrive import OntoBus

                yield OntoBus(log, event_bus_client(), bus)
            else:
                yield IntoLog(log)


def _say(report: Report, folder: Path, bus: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Print what was done, and raise where not everything could be."""
    from contracts.errors import StorageError

    counts = {name: getattr(report, name) for name in _COUNTS}
    if as_json:
        left = [{"place": each.place, "reason": each.reason} for each in report.left]
        console.print_json({**counts, "errors": dict(report.errors), "left": left, "problem": report.problem})
    else:
        console.print_rows([counts])
        console.print_rows([{"error": k, "records": v} for k, v in report.errors.most_common()])
    for each in report.left[:_SHOWN]:
        console.say(f"Left: {each.place}: {each.reason}")
    if dry_run:
        console.say("Nothing was redriven (dry run).")
    elif report.problem:
        raise StorageError(
            f"Not everything was redriven ({report.problem}); what was not is where it was. "
            "Wait, or mend what it says, then run again: what was redriven is not redriven again."
        )
    else:
        console.say(_next(report, folder, bus))


def _next(report: Report, folder: Path, bus: str | None) -> str:
    if not report.redriven:
        return "Nothing new to redrive."
    return f"{report.redriven} records went back." + ("" if bus else f" Next: lake run --lake {folder}")
