"""dbt's staging layer, derived from the contracts: sources, models, column docs and tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contracts.declarations import Declarations, TableDeclaration
from contracts.events import EventType, EventVersion
from contracts.fields import Field, Kind
from contracts.layout import CURATED, PLATFORM

STAGED_TABLES: Final = ("ledger", "quarantine")
"""The platform's own tables that marts may read."""

_OCCURRED_DATE: Final = Field(
    "occurred_date", Kind.DATE, required=True, description="UTC day of occurred_at."
)
_ELEMENT_NUMBER: Final = Field(
    "element_number", Kind.INTEGER, required=True, description="Position in the list, counted from 1."
)
_COMPUTED: Final = {"occurred_date": "cast(occurred_at as date) as occurred_date"}
_DERIVED: Final = "derived"
_GENERATED: Final = "Generated from the contracts; change those, not this file."


@dataclass(frozen=True, slots=True)
class _Model:
    """One staging model: its SQL, and what its properties file says."""

    path: str
    select: str
    description: str
    columns: tuple[Field, ...]
    key: tuple[str, ...]
    filled: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def staging_files(declarations: Declarations) -> dict[str, str]:
    """Every file of the staging layer.

    Returns:
        Text by path relative to `models/staging/`: `_sources.yml`, and a `.sql` and a `.yml` of the same stem for each
        event type, for each list of objects in one, for each derived table, and for each staged table of the platform.
    """
    files = {"_sources.yml": _sources(declarations)}
    for model in _models(declarations):
        files[f"{model.path}.sql"] = f"-- {_GENERATED}\n{model.select}"
        files[f"{model.path}.yml"] = _properties(model)
    return files


def write_staging(declarations: Declarations, folder: Path) -> tuple[str, ...]:
    """Bring `folder` in line with the contracts: write what changed, remove what no contract declares any more.

    Args:
        declarations: the contracts.
        folder: dbt's `models/staging`, which holds nothing written by hand.

    Returns:
        The files written or removed, relative to `folder`; none when it was in line, so that dbt need not parse again.
    """
    wanted = staging_files(declarations)
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.suffix in {".sql", ".yml"}}
    stale = sorted(found.keys() - wanted.keys())
    changed = [
        path for path, text in wanted.items() if path not in found or found[path].read_text("utf-8") != text
    ]
    for path in stale:
        found[path].unlink()
    for path in changed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(wanted[path], "utf-8")
    return (*changed, *stale)


def _models(declarations: Declarations) -> Iterator[_Model]:
    for event in declarations.events.values():
        model = _event_model(event, declarations.curated[event.name])
        yield model
        for field in event.latest.fields:
            if field.element is not None and field.element.kind is Kind.OBJECT:
                yield _list_model(model, event, field, field.element)
    for table in declarations.derived.values():
        yield _table_model(table, _DERIVED)
    for name in STAGED_TABLES:
        yield _table_model(declarations.tables[name], PLATFORM)


def _event_model(event: EventType, curated: tuple[Field, ...]) -> _Model:
    latest = event.latest
    at = next(i for i, f in enumerate(curated) if f.name == "occurred_at") + 1
    columns = (*curated[:at], _OCCURRED_DATE, *curated[at:])
    doubtful = {f.name for f in latest.fields} - _filled_in_all(event, lambda version: version.fields)
    return _Model(
        path=f"{latest.domain}/stg_{latest.domain}__{event.name}",
        select=_select(
            (_COMPUTED.get(f.name, f.name) for f in columns), f"{{{{ source('{CURATED}', '{event.name}') }}}}"
        ),
        description=_with_grain(latest.description, latest.grain),
        columns=columns,
        key=("event_id",),
        filled=tuple(f.name for f in columns if not f.optional and f.name not in doubtful),
    )


def _list_model(parent: _Model, event: EventType, field: Field, element: Field) -> _Model:
    carried = [
        f
        for f in parent.columns
        if f.name in {"event_id", "occurred_at", "occurred_date", event.latest.entity}
    ]
    taken = {f.name for f in (*carried, _ELEMENT_NUMBER)}
    names = {f.name: f"{field.name}_{f.name}" if f.name in taken else f.name for f in element.members}
    always = _filled_in_all(event, lambda version: _members_of(version, field.name))
    members = [f"element.{f.name} as {names[f.name]}" for f in element.members]
    quoted = ", ".join(f"'{f.name}'" for f in carried)
    return _Model(
        path=f"{parent.path}__{field.name}",
        select=_select(
            (*(f.name for f in carried), _ELEMENT_NUMBER.name, *members),
            f"{{{{ exploded(ref('{parent.name}'), '{field.name}', [{quoted}]) }}}}",
        ),
        description=_with_grain(field.description, f"one row per element of {field.name} of {event.name}"),
        columns=(*carried, _ELEMENT_NUMBER, *(replace(f, name=names[f.name]) for f in element.members)),
        key=("event_id", _ELEMENT_NUMBER.name),
        filled=tuple(names[f.name] for f in element.members if f.name in always),
    )


def _table_model(table: TableDeclaration, source: str) -> _Model:
    return _Model(
        path=f"{source}/stg_{source}__{table.name}",
        select=_select((f.name for f in table.fields), f"{{{{ source('{source}', '{table.name}') }}}}"),
        description=_with_grain(table.description, table.grain),
        columns=table.fields,
        key=table.derived.identity if table.derived else (),
        filled=tuple(f.name for f in table.fields if not f.optional),
    )


def _filled_in_all(event: EventType, fields: Callable[[EventVersion], Iterable[Field]]) -> set[str]:
    """Fields that every version demands; a lift may leave another one empty in rows of older versions."""
    return set.intersection(*({f.name for f in fields(v) if not f.optional} for v in event.versions))


def _members_of(version: EventVersion, name: str) -> tuple[Field, ...]:
    """Members of the objects in the list `name`, or none where that version has no such list."""
    field = next((f for f in version.fields if f.name == name), None)
    return field.element.members if field is not None and field.element is not None else ()


def _select(expressions: Iterable[str], relation: str) -> str:
    columns = ",\n".join(f"    {each}" for each in expressions)
    return f"select\n{columns}\nfrom {relation}\n"


def _with_grain(description: str, grain: str) -> str:
    text = f"{grain[0].upper()}{grain[1:]}."
    return f"{text} {description}" if description else text


def _properties(model: _Model) -> str:
    lines = [
        f"# {_GENERATED}",
        "models:",
        f"  - name: {model.name}",
        f"    description: {_quoted(model.description)}",
        "    data_tests:",
        *_tests(model),
        "    columns:",
        *(f"      - {{name: {f.name}, description: {_quoted(f.description)}}}" for f in model.columns),
    ]
    return "\n".join(lines) + "\n"


def _tests(model: _Model) -> Iterator[str]:
    filled = ", ".join(model.filled)
    if model.key:
        yield "      - one_row_per:"
        yield f"          name: {model.name}_one_row_per"
        yield f"          arguments: {{columns: [{', '.join(model.key)}], filled: [{filled}]}}"
    else:
        yield "      - never_null:"
        yield f"          name: {model.name}_never_null"
        yield f"          arguments: {{columns: [{filled}]}}"


def _sources(declarations: Declarations) -> str:
    events = (
        (e.name, _with_grain(e.latest.description, e.latest.grain)) for e in declarations.events.values()
    )
    staged = [declarations.tables[name] for name in STAGED_TABLES]
    lines = [
        f"# {_GENERATED}",
        "sources:",
        *_source(
            CURATED,
            "Typed, deduplicated events, one table per event type, each in the shape of its newest version.",
            events,
        ),
        *_source(_DERIVED, "Tables that follow from events.", _told(declarations.derived.values()), CURATED),
        *_source(PLATFORM, "What the platform records of its own work.", _told(staged)),
    ]
    return "\n".join(lines) + "\n"


def _told(tables: Iterable[TableDeclaration]) -> list[tuple[str, str]]:
    return [(each.name, _with_grain(each.description, each.grain)) for each in tables]


def _source(
    name: str, description: str, tables: Iterable[tuple[str, str]], schema: str | None = None
) -> Iterator[str]:
    """A source; its schema is named as it is, unless another is given."""
    if not (found := list(tables)):
        return
    yield f"  - name: {name}"
    yield from [f"    schema: {schema}"] if schema else []
    yield f"    description: {_quoted(description)}"
    yield "    tables:"
    for table, text in found:
        yield f"      - {{name: {table}, description: {_quoted(text)}}}"


def _quoted(text: str) -> str:
    """A YAML string on one line that dbt does not take for Jinja."""
    plain = re.sub(r"\{(?=[{%#])", "{ ", " ".join(text.split()))
    return json.dumps(plain, ensure_ascii=False)
