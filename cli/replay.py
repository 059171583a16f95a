"""`lake replay`: events of a span of time, sent again."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from cli import console
from cli.options import examples, json_option, lake_option

if TYPE_CHECKING:
    from lakehouse.lake import Lake
    from pipeline.replay import Reached, ReplayPlan, Span, Target


class _How(TypedDict):
    bus: str | None
    file: Path | None
    rate: float | None
    replay_id: str | None
    dry_run: bool
    as_json: bool


_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@click.command(
    epilog=examples(
        "lake replay --from 2026-11-01 --to 2026-11-02 --to-bus analytics --dry-run",
        "lake replay --from 2026-11-01T09:00 --to 2026-11-01T10:00 --events stock_received --to-bus analytics --rate 100",
        "lake replay --from 2026-11-01 --to 2026-11-02 --to-file again.ndjson",
    )
)
@lake_option
@click.option("--from", "start", type=click.DateTime(_FORMATS), required=True, help="First moment (UTC).")
@click.option(
    "--to", "end", type=click.DateTime(_FORMATS), required=True, help="Moment after the last (UTC)."
)
@click.option(
    "--events", "event_types", multiple=True, metavar="TYPE", help="Only this event type; may be repeated."
)
@click.option("--to-bus", "bus", help="Name or ARN of an EventBridge bus (needs the extra `aws`).")
@click.option(
    "--to-file", "file", type=click.Path(path_type=Path, dir_okay=False), help="A file, one event a line."
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second at most.")
@click.option("--id", "replay_id", help="Name of the replay; one that was broken off goes on under its own.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@json_option
def replay(
    folder: Path, start: dt.datetime, end: dt.datetime, event_types: tuple[str, ...], **how: Unpack[_How]
) -> None:
    """Send events again for consumers of streams: those that happened from --from until before --to, in that order.

    Each curated event goes once, as the bytes that raw holds, marked in detail.metadata.replay: consumers leave marked events alone
    where acting twice would do harm. Events that come back to this lake are copies, and add nothing.
    """
    from contracts.errors import UsageError
    from lakehouse.lake import Lake
    from pipeline.replay import Span, plan_replay

    if (how["bus"] is None) == (how["file"] is None) and not how["dry_run"]:
        raise UsageError("Say where to: --to-bus NAME, or --to-file PATH.")
    lake = Lake.open(folder)
    chosen = event_types or tuple(lake.declarations.events)
    span = Span(start, end, tuple(lake.declarations.event(name).name for name in chosen))
    if how["dry_run"]:
        _say_plan(plan_replay(lake, span), how["rate"], as_json=how["as_json"])
    else:
        _send(lake, span, how)


def _send(lake: Lake, span: Span, how: _How) -> None:
    from contracts.errors import LakeError
    from pipeline.replay import replay as send_again

    name = how["replay_id"] or f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    console.say(f"Replay {name} begins.")
    try:
        with _target(how["bus"], how["file"]) as target, console.progress_bar() as progress:
            reached = send_again(lake, span, target, name, rate=how["rate"], progress=progress)
    except LakeError:
        if how["bus"]:
            console.say(f"To go on where it stopped: the same command with --id {name}.")
        raise
    _say(name, reached, as_json=how["as_json"])


@contextmanager
def _target(bus: str | None, file: Path | None) -> Iterator[Target]:
    from pipeline.replay_targets import BusTarget, FileTarget

    if file is not None:
        with FileTarget(file) as target:
            yield target
    elif bus is not None:
        from ingestion.bus import Bus
        from ingestion.event_bridge import event_bus_client

        yield BusTarget(Bus(event_bus_client(), bus))


def _say_plan(plan: ReplayPlan, rate: float | None, *, as_json: bool) -> None:
    seconds = plan.total / rate if rate else None
    if as_json:
        console.print_json(
            {"events": plan.events, "total": plan.total, "raw_objects": plan.raw_objects, "seconds": seconds}
        )
        return
    console.print_rows([{"event_type": name, "events": n} for name, n in plan.events.items()])
    lasting = f", in {dt.timedelta(seconds=round(seconds))} at that rate" if seconds is not None else ""
    console.say(
        f"{plan.total} events of {plan.raw_objects} raw objects would be sent{lasting}. Nothing was sent."
    )


def _say(name: str, reached: Reached, *, as_json: bool) -> None:
    row = {"replay_id": name, "sent": reached.sent, "undeliverable": reached.undeliverable}
    if as_json:
        console.print_json(row)
    else:
        console.print_rows([row])
