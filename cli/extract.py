"""`lake extract`: what is new in the tables of a live database."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli import console
from cli.options import examples, json_option, lake_option
from contracts.errors import UsageError

if TYPE_CHECKING:
    from ingestion.extract import Extracted

_COLUMNS: Final = (
    "table",
    "rows",
    "published",
    "ignored",
    "unmatched",
    "watermark_before",
    "watermark_after",
)


@click.command(
    epilog=examples(
        "lake extract commerce_db --url-file database.url --dry-run",
        "lake extract commerce_db --url-file database.url",
        "lake extract commerce_db --again shop.products < database.url",
    )
)
@click.argument("source")
@lake_option
@click.option(
    "--url-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the database's address, postgresql://user:password@host:5432/name. Asked for, or read from stdin, without it.",
)
@click.option("--again", multiple=True, metavar="TABLE", help="Read this table from its first row.")
@click.option("--dry-run", is_flag=True, help="Say what would be published, and publish nothing.")
@json_option
def extract(
    source: str, folder: Path, url_file: Path | None, again: tuple[str, ...], *, dry_run: bool, as_json: bool
) -> None:
    """Read what is new in the tables of a live database, as a source declares them (needs the extra `extract`).

    The database is only read, all tables as of one moment. How far each was read is kept in the lake, so the next run goes on from
    there; a run that is broken off loses nothing, and what comes twice adds nothing. Deleted rows are not seen.
    """
    from lakehouse.lake import Lake

    lake = Lake.open(folder)
    declared = lake.declarations.source(source)
    try:
        from ingestion.event_log import EventLog
        from ingestion.extract import extract as run_extract
    except ModuleNotFoundError as e:
        raise UsageError(
            f"Extracts need {e.name}. Install it: pip install 'unified-commerce-lake[extract]'"
        ) from e
    url = _address(url_file)
    with tempfile.TemporaryDirectory() as scratch:
        missing = dry_run and not lake.log_path.exists()
        with EventLog(Path(scratch) / "log.db" if missing else lake.log_path) as log:
            found = run_extract(declared, url, log, again=again, dry_run=dry_run)
    _print(found, as_json=as_json)
    for note in _notes(found, source):
        console.say(note)
    console.say("Nothing was published (dry run)." if dry_run else f"Next: lake run --lake {folder}")


def _address(path: Path | None) -> str:
    """The database's address, which holds a password and so is no option."""
    if path is None:
        asks = sys.stdin.isatty()
        return str(
            click.prompt("Address of the database", hide_input=True, err=True)
            if asks
            else sys.stdin.readline()
        )
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        why = getattr(e, "strerror", None) or "it is no text"
        raise UsageError(f"{path} cannot be read ({why}). Write the database's address into it.") from e


def _print(found: Sequence[Extracted], *, as_json: bool) -> None:
    columns = (*_COLUMNS, "unmarked", "gone_back_to") if as_json else _COLUMNS
    rows: list[dict[str, Any]] = [{name: getattr(each, name) for name in columns} for each in found]
    console.print_json(rows) if as_json else console.print_rows(rows)


def _notes(found: Sequence[Extracted], source: str) -> Iterator[str]:
    for each in found:
        if each.unmarked:
            yield (
                f"{each.table} has rows without a watermark, {each.unmarked} in all: nobody can say whether they are new, so "
                "each run reads them again. Have the application fill the column."
            )
        if each.gone_back_to:
            yield (
                f"{each.table} holds nothing newer than {each.gone_back_to}, and was read up to {each.watermark_after}. Where it was "
                f"restored or loaded anew, read it from its first row: lake extract {source} --again {each.table}"
            )
