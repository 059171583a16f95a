"""`lake erase` and `lake erasures`: persons' data taken out, and the register of that."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli import console
from cli.options import examples, json_option, lake_option

if TYPE_CHECKING:
    from contracts.subjects import Identifier
    from lakehouse.erasures import Erasure
    from lakehouse.lake import Lake
    from pipeline.erase import ErasePlan

_HELP = "An identifier of the person: a customer_id, or KIND:VALUE with login, loyalty_card, email, phone (as hashes) or device."
_subject = click.option("--subject", "asked", metavar="[KIND:]VALUE", help=_HELP, required=True)


@click.command(
    epilog=examples(
        "lake erase --subject C-1042 --dry-run",
        "lake erase --subject C-1042 --confirm C-1042",
        "lake erase --file requests.txt --confirm 'lines of requests.txt: 12'",
    )
)
@lake_option
@click.option("--subject", "asked", metavar="[KIND:]VALUE", help=_HELP)
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Many persons: one --subject a line.",
)
@click.option("--dry-run", is_flag=True, help="Say what is held of the person, and do nothing.")
@click.option(
    "--confirm", metavar="TEXT", help="The --subject once more; of a --file, what --dry-run asks for."
)
@json_option
def erase(
    folder: Path, asked: str | None, file: Path | None, *, dry_run: bool, confirm: str | None, as_json: bool
) -> None:
    """Take a person out: out of raw, every table, quarantine and marts, and for good: whatever comes again is left out.

    Where a contract says so, records stay without what is personal in them; all others go. Raw objects that hold the person are
    rewritten, and judged anew. Nothing undoes it. Broken off, the same command goes on. The proof stays in the register.
    """
    from contracts.errors import UsageError
    from lakehouse.lake import Lake
    from pipeline.subject import parse_identifier

    if (asked is None) == (file is None):
        raise UsageError("Say whom: --subject ID, or --file PATH with one a line.")
    named = _lines(file) if file else [str(asked)]
    expected = f"lines of {file.name}: {len(named)}" if file else str(asked)
    lake, subjects = Lake.open(folder), [parse_identifier(each) for each in named]
    if dry_run:
        _say_plans(lake, subjects, expected, as_json=as_json)
        return
    if confirm != expected:
        raise UsageError(f"Nothing was erased. To erase: --confirm '{expected}'. To look: --dry-run.")
    _erase(lake, subjects, as_json=as_json)


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _say_plans(lake: Lake, subjects: list[Identifier], expected: str, *, as_json: bool) -> None:
    from pipeline.erase import plan_erase

    plans = [plan_erase(lake, each) for each in subjects]
    if as_json:
        console.print_json([_plan(each) for each in plans])
        return
    for place, plan in enumerate(plans, start=1):
        rows = [{"event_type": name or "(rejected)", "records": n} for name, n in plan.records.items()]
        console.print_rows(rows, title=f"Person {place}: {len(plan.identifiers)} identifiers")
        held = "".join(f" In {name}: {count} records." for name, count in plan.stores.items())
        console.say(
            f"{plan.raw_objects} raw objects would be rewritten; {plan.mentions} records of others name the person.{held}"
        )
    console.say(f"Nothing was done. To erase: --confirm '{expected}'")


def _plan(plan: ErasePlan) -> dict[str, Any]:
    records = {name or "(rejected)": count for name, count in plan.records.items()}
    return {**asdict(plan), "identifiers": msgspec.to_builtins(plan.identifiers), "records": records}


def _erase(lake: Lake, subjects: list[Identifier], *, as_json: bool) -> None:
    from ingestion.publisher import utc_now
    from pipeline.erase import erase as take_out

    _land_all(lake)
    done = []
    for each in subjects:
        with console.progress_bar() as progress:
            done.append(take_out(lake, each, utc_now(), progress=progress))
    if as_json:
        console.print_json([msgspec.to_builtins(each) for each in done])
        return
    console.print_rows([_row(each) for each in done])
    console.say("The proof is in the register: lake erasures list --json")


def _land_all(lake: Lake) -> None:
    """Land what waits in the event log, and leave nothing of it in the file."""
    import datetime as dt

    from ingestion.event_log import EventLog
    from ingestion.lander import land

    if lake.log_path.exists():
        with EventLog(lake.log_path) as log:
            land(log, lake.store, now=dt.datetime.now(dt.UTC))
            log.vacuum()


def _row(erasure: Erasure) -> dict[str, Any]:
    proof = erasure.proof
    return {
        "erasure": erasure.number,
        "requested": f"{erasure.requested_at:%Y-%m-%d}",
        "due": f"{erasure.due_at:%Y-%m-%d}",
        "state": "done" if proof else "under way" if erasure.found else "asked for",
        "raw_objects": len(erasure.rewritten),
        "rows_removed": sum(each["removed"] for each in erasure.rows.values()),
        "hits": proof.hits if proof else None,
    }


@click.group()
def erasures() -> None:
    """The register of erasures: requests with their deadlines, proofs, legal holds."""


@erasures.command(
    "list", epilog=examples("lake erasures list", "lake erasures list --json | jq '.[0].proof'")
)
@lake_option
@json_option
def list_erasures(folder: Path, *, as_json: bool) -> None:
    """Show every erasure, when it is due, and its proof (--json). Exits 1 when one is overdue."""
    from contracts.errors import ThresholdError
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake

    found = Lake.open(folder).erasures.all()
    if as_json:
        console.print_json(
            [{k: v for k, v in msgspec.to_builtins(each).items() if k != "found"} for each in found]
        )
    else:
        console.print_rows([_row(each) for each in found])
    overdue = [each.number for each in found if each.proof is None and each.due_at < utc_now()]
    if overdue:
        raise ThresholdError(
            f"Overdue: {', '.join(map(str, overdue))}. Erase: lake erase --subject ID --confirm ID"
        )


@erasures.command(epilog=examples("lake erasures request --subject C-1042"))
@lake_option
@_subject
def request(folder: Path, asked: str) -> None:
    """Enter a request: it is due in 30 days, and `lake erase` does it."""
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from pipeline.erase import request_erasure
    from pipeline.subject import parse_identifier

    found = request_erasure(Lake.open(folder), parse_identifier(asked), utc_now())
    console.say(f"Erasure {found.number} is due on {found.due_at:%Y-%m-%d}.")


@erasures.command(epilog=examples('lake erasures hold --subject C-1042 --reason "court case 7 O 112/26"'))
@lake_option
@_subject
@click.option("--reason", required=True, help="Told to whoever would erase the person.")
def hold(folder: Path, asked: str, reason: str) -> None:
    """Keep a person's data whatever is asked, until `lake erasures release`."""
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from pipeline.subject import parse_identifier

    Lake.open(folder).erasures.hold(parse_identifier(asked), reason, utc_now())
    console.say("Held. An erasure of the person is refused until it is released.")


@erasures.command(epilog=examples("lake erasures release --subject C-1042"))
@lake_option
@_subject
def release(folder: Path, asked: str) -> None:
    """End a legal hold."""
    from lakehouse.lake import Lake
    from pipeline.subject import parse_identifier

    there = Lake.open(folder).erasures.release(parse_identifier(asked))
    console.say("Released." if there else "There was no hold.")
