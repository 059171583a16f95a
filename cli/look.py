"""Commands that look: SQL, status, quarantine, contracts. None of them changes anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cli import console
from cli.options import examples, json_option, lake_option

_FORMATS = ("table", "csv", "json")


@click.command(
    epilog=examples(
        'lake sql "select channel, sum(net_amount) from marts.fct_sales group by channel"',
        'lake sql --as-of 3 "select count(*) from curated.order_placed"',
        "lake sql --format csv - < query.sql > answer.csv",
    )
)
@lake_option
@click.argument("statement")
@click.option(
    "--as-of", type=click.IntRange(1), metavar="RELEASE", help="Read that release instead of the newest."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="table",
    show_default=True,
    help="Form of the answer.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def sql(folder: Path, statement: str, as_of: int | None, form: str, *, as_json: bool) -> None:
    """Ask in DuckDB's SQL; `-` reads the statement from stdin.

    Schemas: marts; curated (a table per event type); platform (ledger, quarantine, event_ids); raw (the view raw.records).
    """
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from lakehouse.sql import connect, create_raw_view, query, release_of
    from pipeline.audit import note_look, restricted_in

    lake = Lake.open(folder)
    text = sys.stdin.read() if statement == "-" else statement
    note_look(lake, "sql", restricted_in(lake, text), utc_now())
    with connect(lake, release_of(lake, as_of)) as connection:
        if "raw" in text:
            create_raw_view(connection, lake)
        answer = query(connection, text)
    rows = answer.to_pylist()
    match "json" if as_json else form:
        case "json":
            console.print_json(rows)
        case "csv":
            console.print_csv(rows, answer.schema.names)
        case _:
            console.print_rows(rows, columns=answer.schema.names)


@click.command(epilog=examples("lake status", "lake status --json | jq .missing"))
@lake_option
@json_option
def status(folder: Path, *, as_json: bool) -> None:
    """Where every record went, and whether anything is missing. Exits 1 if so."""
    from contracts.errors import ConservationError
    from lakehouse.lake import Lake
    from pipeline.status import status_of

    found = status_of(Lake.open(folder))
    if as_json:
        console.print_json(found)
    else:
        console.print_rows(
            [found["accounts"]],
            title=f"Release {found['release'] or 'none yet'}, newest curate {found['newest_curate'] or 'none'}",
        )
        console.print_rows(found["tables"])
        for note in found["notes"]:
            console.say(note)
    if found["missing"] or found["extra"]:
        raise ConservationError(
            f"{found['missing']} records are missing and {found['extra']} are extra. Run `lake rebuild --dry-run` to see how to "
            "make the lake again from raw, and report this."
        )


@click.group()
def quarantine() -> None:
    """Records that could not be curated, with their reasons."""


@quarantine.command("list", epilog=examples("lake quarantine list", "lake quarantine list --by field"))
@lake_option
@click.option(
    "--by",
    type=click.Choice(["error_type", "event_type", "field", "raw_object"]),
    default="error_type",
    show_default=True,
)
@json_option
def list_quarantine(folder: Path, by: str, *, as_json: bool) -> None:
    """Count quarantined records by reason (or by something else)."""
    from lakehouse.lake import Lake
    from pipeline.status import quarantine_counts

    rows = quarantine_counts(Lake.open(folder), by)
    console.print_json(rows) if as_json else console.print_rows(rows, columns=[by, "records", "example"])


@quarantine.command("show", epilog=examples("lake quarantine show --error-type wrong_type --limit 3"))
@lake_option
@click.option("--error-type", help="Only records rejected for this reason.")
@click.option("--event-type", help="Only records of this event type.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="At most so many.")
@json_option
def show_quarantine(
    folder: Path, error_type: str | None, event_type: str | None, limit: int, *, as_json: bool
) -> None:
    """Show quarantined records: where they are in raw, why they were rejected, and their original bytes."""
    from contracts.layout import QUARANTINE
    from ingestion.publisher import utc_now
    from lakehouse.lake import Lake
    from pipeline.audit import note_look
    from pipeline.status import quarantined

    lake = Lake.open(folder)
    note_look(lake, "quarantine show", [QUARANTINE], utc_now())
    rows = quarantined(lake, error_type=error_type, event_type=event_type, limit=limit)
    if as_json:
        console.print_json(rows)
        return
    for row in rows:
        console.print_rows([{"": name, "value": value} for name, value in row.items()], columns=["", "value"])


@click.group()
def contracts() -> None:
    """What events and tables are."""


@contracts.command("show", epilog=examples("lake contracts show", "lake contracts show order_placed"))
@click.argument("event_type", required=False)
@click.option(
    "--contracts",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of contracts; the built-in ones without it.",
)
@json_option
def show_contracts(event_type: str | None, root: Path | None, *, as_json: bool) -> None:
    """List the event types, or show one with its fields and a sample event."""
    from contracts.declarations import BUILT_IN, load_declarations
    from contracts.json_schema import event_schema
    from contracts.reference import event_page

    declarations = load_declarations((root or BUILT_IN).resolve())
    if event_type is None:
        rows: list[dict[str, Any]] = [
            {
                "event_type": e.name,
                "version": e.latest.version,
                "domain": e.latest.domain,
                "grain": e.latest.grain,
            }
            for e in declarations.events.values()
        ]
        console.print_json(rows) if as_json else console.print_rows(rows)
    elif as_json:
        console.print_json(event_schema(declarations, declarations.event(event_type).latest))
    else:
        click.echo(event_page(declarations, declarations.event(event_type)))


@contracts.command(
    "check", epilog=examples("lake contracts check", "lake contracts check --contracts my/contracts")
)
@click.option(
    "--contracts",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of contracts; the built-in ones without it.",
)
def check_contracts(root: Path | None) -> None:
    """Read every contract, and check it with the samples derived from it."""
    from contracts.check import check
    from contracts.declarations import BUILT_IN, load_declarations
    from ingestion.documents import check_sources
    from transforms.foreign import check_accepted

    declarations = load_declarations((root or BUILT_IN).resolve())
    count = check(declarations)
    check_accepted(declarations)
    check_sources(declarations)
    console.say(
        f"{len(declarations.events)} event types are in order; {count} samples got the verdict they should."
    )


@contracts.command(
    "pattern",
    epilog=examples(
        "lake contracts pattern order_placed order_cancelled",
        "lake contracts pattern stock_adjusted --where reason=damage --where reason=theft --replays",
    ),
)
@click.argument("event_types", nargs=-1, required=True)
@click.option(
    "--where", "conditions", multiple=True, metavar="FIELD=VALUE", help="Values a field may have; any number."
)
@click.option("--replays", is_flag=True, help="Take events that are marked as replayed, too.")
@lake_option
def pattern(
    event_types: tuple[str, ...], conditions: tuple[str, ...], folder: Path, *, replays: bool
) -> None:
    """The pattern of an EventBridge rule that takes these event types.

    Without --replays the rule leaves out what was sent again, so that no mail goes out twice.
    """
    from contracts.declarations import load_declarations
    from contracts.rule_patterns import rule_pattern
    from lakehouse.lake import PROFILE, Lake

    where: dict[str, list[str]] = {}
    for condition in conditions:
        path, equals, value = condition.partition("=")
        if not equals:
            raise click.UsageError(f"--where {condition!r} is no condition. Write FIELD=VALUE.")
        where.setdefault(path, []).append(value)
    is_lake = (folder / PROFILE).is_file()
    declarations = Lake.open(folder).declarations if is_lake else load_declarations()
    console.print_json(rule_pattern(declarations, event_types, where, replays=replays))
