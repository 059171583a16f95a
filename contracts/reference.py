"""Reference pages in Markdown, one per event type, derived from the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts.declarations import Declarations
from contracts.events import EventType, EventVersion
from contracts.fields import Field, Kind
from contracts.layout import curated_table
from contracts.samples import record
from contracts.sources import Source


def event_page(declarations: Declarations, event: EventType) -> str:
    """The reference page of an event type."""
    latest = event.latest
    parts = [
        f"# {event.name}",
        latest.description,
        " · ".join(
            (
                f"Domain {latest.domain}",
                f"owner {latest.owner}",
                f"version {latest.version}",
                latest.grain,
                f"entity `{latest.entity}`",
                f"curated table `{curated_table(event.name)}`",
            )
        ),
        _fields_table(latest.fields),
        *_enrichment(latest),
        *_older_versions(event),
        "## Sample",
        f"```json\n{json.dumps(record(declarations, latest), indent=2, ensure_ascii=False)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _enrichment(latest: EventVersion) -> Iterator[str]:
    if latest.enrich:
        yield "## Added at curate"
        yield "\n".join(
            f"- `{step.name}`, by {_quoted(step.reads)}: {step.description} Fills {_quoted(f.name for f in step.fields)}."
            for step in latest.enrich
        )
    if latest.added:
        yield "Columns of the curated table that no event states:"
        yield _fields_table(latest.added)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _older_versions(event: EventType) -> Iterator[str]:
    for older, newer in zip(event.versions, event.versions[1:], strict=False):
        yield f"## From version {older.version} to {newer.version}"
        lifts = [
            f"- `{lift.field}`: "
            + (f"always {lift.constant!r}" if lift.constant is not None else f"from `{lift.source}`")
            + (f", cast to {lift.cast}" if lift.cast else "")
            for lift in newer.lifts
        ]
        yield "\n".join(lifts) or "Fields were added only."


def _fields_table(fields: tuple[Field, ...]) -> str:
    rows = ["| field | type | required | PII | meaning |", "|---|---|---|---|---|"]
    rows += [_row(path, field) for path, field in _flat(fields, "")]
    return "\n".join(rows)


def _flat(fields: tuple[Field, ...], prefix: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        yield prefix + field.name, field
        if field.kind is Kind.OBJECT:
            yield from _flat(field.members, f"{prefix}{field.name}.")
        elif field.element is not None and field.element.kind is Kind.OBJECT:
            yield from _flat(field.element.members, f"{prefix}{field.name}[].")


def _row(path: str, field: Field) -> str:
    meaning = " ".join(field.description.split()).replace("|", "\\|")
    if field.enum:
        meaning += " One of " + ", ".join(f"`{v}`" for v in field.enum) + "."
    return (
        f"| `{path}` | {_type(field)} | {'yes' if field.required else ''} | {_privacy(field)} | {meaning} |"
    )


def _type(field: Field) -> str:
    if field.kind is Kind.ARRAY and field.element is not None:
        return f"list of {field.element.kind}"
    return str(field.format or field.kind)


def _privacy(field: Field) -> str:
    kept = f"{field.retention_days} days" if field.pii and field.retention_days else None
    dropped = "dropped before raw" if field.dropped_before_raw else None
    return ", ".join(filter(None, (field.pii, kept, dropped)))


def write_reference(declarations: Declarations, folder: Path) -> list[Path]:
    """Write every reference page and an index into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{event.name}.md": event_page(declarations, event) for event in declarations.events.values()}
    pages["index.md"] = _index(declarations)
    pages["sources.md"] = sources_page(declarations)
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def _index(declarations: Declarations) -> str:
    rows = ["# Event types", "", "| event type | domain | grain |", "|---|---|---|"]
    rows += [
        f"| [{e.name}]({e.name}.md) | {e.latest.domain} | {e.latest.grain} |"
        for e in sorted(declarations.events.values(), key=lambda e: (e.latest.domain, e.name))
    ]
    return "\n".join(rows) + "\n"


def sources_page(declarations: Declarations) -> str:
    """The page of all sources: how what each sends arrives, and what becomes of it."""
    sources = declarations.sources.values()
    rows = ["| source | family | arrives | events |", "|---|---|---|---|"]
    rows += [
        f"| [`{s.name}`](#{s.name}) | {s.family} | {_arrival(s)} | {_types(s.event_types)} |" for s in sources
    ]
    return "\n\n".join(["# Sources", "\n".join(rows), *map(_source_section, sources)]) + "\n"


def _source_section(source: Source) -> str:
    told = f"What is sent: {_link(source.documentation)}."
    return "\n\n".join([f"## {source.name}", source.description, f"{told} Taken in: {_arrival(source)}."])


def _arrival(source: Source) -> str:
    ways = [f"webhook at `/v1/webhooks/{source.name}`"] if source.webhook else []
    ways += [f"bus, from `{name}`" for name in dict.fromkeys(each.source for each in source.on_bus)]
    ways += [f"extract by `lake extract {source.name}`"] if source.arrives == "extract" else []
    ways += [f"{source.arrives}, in files by `lake ingest --source {source.name}`"]
    return "; ".join(ways)


def _link(documented: str) -> str:
    """An address, or a page of ours by its path in the project."""
    return (
        f"<{documented}>"
        if "://" in documented
        else f"[{Path(documented).stem}](../{documented.removeprefix('docs/')})"
    )


def _types(names: tuple[str, ...]) -> str:
    return ", ".join(f"[{name}]({name}.md)" for name in names)
