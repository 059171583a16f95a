"""`lake ingest` and `lake sources`: what other systems send, and what becomes of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import console
from cli.options import examples, json_option, lake_option

if TYPE_CHECKING:
    from ingestion.event_log import EventLog
    from lakehouse.lake import Lake


@click.command(
    epilog=examples(
        "lake ingest receipts.csv --mapping receipts.yaml", "lake ingest events_2026*.json.gz --source ga4"
    )
)
@lake_option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--mapping", type=click.Path(path_type=Path, dir_okay=False), help="How rows become events (YAML)."
)
@click.option("--source", help="A declared source, in place of a mapping; `lake sources` lists them.")
@click.option("--dry-run", is_flag=True, help="Say what would be published, and publish nothing.")
@json_option
def ingest(
    folder: Path,
    files: tuple[Path, ...],
    mapping: Path | None,
    source: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn files into contract events, by a declared mapping: CSV, Parquet or NDJSON; or the documents of a source.

    The same file twice adds nothing: an event's id is made from the row. What the contract cannot accept is published
    all the same and ends in quarantine, so that every row is accounted for.
    """
    import tempfile

    from ingestion.event_log import EventLog
    from lakehouse.lake import Lake

    if (mapping is None) == (source is None):
        raise click.UsageError("Name what the files are: either --mapping or --source.")
    lake = Lake.open(folder)
    with tempfile.TemporaryDirectory() as scratch:
        log_path = Path(scratch) / "log.db" if dry_run else lake.log_path
        with EventLog(log_path) as log:
            rows = _ingest(lake, files, mapping, source, log)
    console.print_json(rows) if as_json else console.print_rows(rows)
    done = "Nothing was published (dry run)." if dry_run else f"Next: lake run --lake {folder}"
    console.say(done)


def _ingest(
    lake: Lake, files: tuple[Path, ...], mapping: Path | None, source: str | None, log: EventLog
) -> list[dict[str, Any]]:
    """What was read and published: by section of a mapping, or in all of a source's documents."""
    from contracts.mapping import MappingFile
    from ingestion.exports import ingest_documents
    from ingestion.ingest import ingest as run_ingest
    from ingestion.publisher import Publisher
    from lakehouse.mappings import load_mapping

    declared = lake.declarations.source(source) if source else None
    if declared and declared.reads == "documents":
        return [{"source": declared.name, **asdict(ingest_documents(files, declared, log))}]
    sections = (
        MappingFile(declared.path, declared.sections)
        if declared
        else load_mapping(mapping or Path(), lake.declarations)
    )
    result = run_ingest(list(files), sections, Publisher(lake.declarations, log))
    columns = ("event_type", "rows", "skipped", "published", "invalid")
    return [{name: getattr(section, name) for name in columns} for section in result.sections]


@click.command(epilog=examples("lake sources", "lake sources --json | jq '.[].event_types'"))
@lake_option
@json_option
def sources(folder: Path, *, as_json: bool) -> None:
    """The sources that are declared, how what they send arrives, and what becomes of it."""
    from lakehouse.lake import Lake

    declared = Lake.open(folder).declarations.sources.values()
    rows: list[dict[str, Any]] = [
        {"source": s.name, "family": s.family, "arrives": s.arrives, "event_types": list(s.event_types)}
        for s in declared
    ]
    if as_json:
        console.print_json(rows)
    else:
        console.print_rows([{**row, "event_types": ", ".join(row["event_types"])} for row in rows])
