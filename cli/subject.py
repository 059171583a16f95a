"""`lake subject` and `lake audit`: what is held of a person, and who looked."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from cli import console
from cli.options import examples, json_option, lake_option


@click.group()
def subject() -> None:
    """What is held of a person."""


@subject.command(
    epilog=examples("lake subject export C-1042 > C-1042.json", "lake subject export device:v-77")
)
@lake_option
@click.argument("asked", metavar="[KIND:]VALUE")
def export(folder: Path, asked: str) -> None:
    """Print all that is held of a person as JSON: every record as it was sent, with its source, and every row that names the person.

    VALUE is a customer_id; or say KIND: login, loyalty_card, email, phone (as hashes) or device. It is noted who looked (`lake audit`).
    """
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from pipeline.audit import note_look
    from pipeline.export import export as all_of
    from pipeline.subject import parse_identifier

    lake, identifier = Lake.open(folder), parse_identifier(asked)
    note_look(lake, "subject export", [lake.erasures.hash_of(identifier)], utc_now())
    found = all_of(lake, identifier)
    console.print_json(found)
    console.say(f"{len(found['records'])} records, rows of {len(found['tables'])} tables.")


@click.command(epilog=examples("lake audit", "lake audit --json"))
@lake_option
@json_option
def audit(folder: Path, *, as_json: bool) -> None:
    """Show who looked at restricted data: clear values, quarantine, raw, or all of a person."""
    from lakehouse.lake import Lake
    from pipeline.audit import looks

    rows = [msgspec.to_builtins(each) for each in looks(Lake.open(folder))]
    console.print_json(rows) if as_json else console.print_rows(
        [{**each, "what": ", ".join(each["what"])} for each in rows]
    )
