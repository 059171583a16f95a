"""All declarations of one estate: the envelope, the event types and the platform's own tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from contracts._located import Located, load_located
from contracts.accepted import Accepted, parse_accepted
from contracts.enrichments import load_enrichments
from contracts.envelope import Envelope, load_envelope
from contracts.errors import UsageError
from contracts.events import EventType, load_event_type
from contracts.fields import Field, Kind, parse_members
from contracts.layout import CURATED, PLATFORM
from contracts.sources import Source, load_sources
from contracts.targets import nearest

_TABLE_HEADER = frozenset({"description", "grain", "partition", "restricted", "data"})
_DERIVED_HEADER = frozenset({"kind", "key", "identity", "inputs", "reads"})

BUILT_IN = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """A table that is no event type's: one of the platform's own, such as the ledger, or one derived from events.

    `restricted`: it holds clear personal data, and few may read it.
    """

    name: str
    description: str
    grain: str
    partition: str | None
    fields: tuple[Field, ...]
    derived: Derivation | None = None
    restricted: bool = False

    @property
    def identifier(self) -> str:
        """`namespace.name`: derived tables stand beside the events they come from."""
        return f"{CURATED if self.derived else PLATFORM}.{self.name}"


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a derived table follows from its inputs.

    `kind`: keyed (rows of one key follow from the input of that key) or global. `key`: columns of what is recomputed
    together. `identity`: columns that name one row. `inputs`: event types, or one derived table. `reads`: the columns of the
    inputs it looks at, besides event_id, event_type and occurred_at.
    """

    kind: str
    key: tuple[str, ...]
    identity: tuple[str, ...]
    inputs: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Declarations:
    """Everything declared under one root folder."""

    root: Path
    envelope: Envelope
    events: dict[str, EventType]
    tables: dict[str, TableDeclaration]
    accepted_by_contracts: tuple[Accepted, ...]

    def event(self, name: str) -> EventType:
        """The event type of that name.

        Raises:
            UsageError: when no contract declares it.
        """
        if name not in self.events:
            raise UsageError(
                f"No contract for event type {name!r}. `lake contracts show` lists those there are."
            )
        return self.events[name]

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            UsageError: when none is declared.
        """
        if name not in self.sources:
            raise UsageError(f"No source {name!r}{nearest(name, self.sources)}")
        return self.sources[name]

    def table(self, identifier: str) -> tuple[tuple[Field, ...], str | None]:
        """Columns and partition column of a declared table (`curated.…` or `platform.…`)."""
        name = identifier.partition(".")[2]
        if name in self.tables:
            return self.tables[name].fields, self.tables[name].partition
        return self.curated[name], "occurred_at"

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The sources, by name; read at first use, as most commands judge no record and need none.

        Raises:
            ContractError: for the first mistake in one, naming file and line.
        """
        return load_sources(self.root / "sources", self.events, self.envelope.metadata)

    @cached_property
    def accepted(self) -> tuple[Accepted, ...]:
        """Everything of other producers that is accepted: by contracts, then by sources.

        Raises:
            ContractError: as for `sources`.
        """
        of_sources = (each for source in self.sources.values() for each in source.accepted)
        return (*self.accepted_by_contracts, *of_sources)

    @cached_property
    def derived(self) -> dict[str, TableDeclaration]:
        """Tables derived from events, by name."""
        return {name: table for name, table in self.tables.items() if table.derived}

    @cached_property
    def curated(self) -> dict[str, tuple[Field, ...]]:
        """Columns of every curated table, by event type."""
        before, row = self.envelope.columns_before, self.envelope.row
        return {
            name: (*before, *event.latest.fields, *event.latest.added, *row)
            for name, event in self.events.items()
        }


@cache
def load_declarations(root: Path = BUILT_IN) -> Declarations:
    """Read and check every declaration under `root`.

    Raises:
        ContractError: for the first mistake, naming file and line.
        UsageError: when `root` holds no contracts.
    """
    if not (root / "envelope.yaml").is_file():
        raise UsageError(
            f"{root} holds no contracts (no envelope.yaml). Point `contracts` in lake.toml at the folder that does."
        )
    shapes = load_located(root / "shapes.yaml")
    envelope = load_envelope(root / "envelope.yaml", shapes)
    reserved = frozenset(f.name for f in (*envelope.metadata, *envelope.row)) | {"metadata"}
    folders = sorted(p for p in (root / "events").iterdir() if p.is_dir())
    steps = load_enrichments(root / "enrichments.yaml", shapes)
    events = {p.name: load_event_type(p, shapes, reserved, steps) for p in folders}
    paths = sorted((root / "tables").glob("*.yaml"))
    tables = {p.stem: _table(p, shapes) for p in paths}
    for path in paths:
        _check_inputs(path, tables[path.stem], events, tables)
    return Declarations(root, envelope, events, tables, parse_accepted(events, envelope.metadata))


def _table(path: Path, shapes: Located) -> TableDeclaration:
    node = load_located(path)
    derives = "kind" in node
    node.refuse_unknown(_TABLE_HEADER | (_DERIVED_HEADER if derives else frozenset()), "header")
    fields = parse_members(node["data"], shapes)
    partition = node.get("partition")
    kinds = {f.name: f.kind for f in fields}
    if partition is not None and kinds.get(partition) not in {Kind.DATE, Kind.DATE_TIME}:
        raise node.error(f"partition {partition!r} is not a date or time among the fields", "partition")
    description = " ".join(str(node["description"]).split())
    derivation = _derivation(node, kinds) if derives else None
    restricted = node.get("restricted", False)
    if not isinstance(restricted, bool):
        raise node.error("'restricted' is true or false", "restricted")
    if not restricted and any(f.pii == "direct" for f in fields):
        raise node.error("a table with directly personal fields is restricted; say 'restricted: true'")
    return TableDeclaration(path.stem, description, node["grain"], partition, fields, derivation, restricted)


def _derivation(node: Located, kinds: dict[str, Kind]) -> Derivation:
    for name in sorted(_DERIVED_HEADER):
        if name not in node:
            raise node.error(f"a derived table declares {name!r}")
    if node["kind"] not in {"keyed", "global"}:
        raise node.error(f"kind {node['kind']!r} is not one of: keyed, global", "kind")
    for name in ("key", "identity"):
        unknown = [column for column in node[name] if column not in kinds]
        if unknown:
            raise node.error(f"{name} column {unknown[0]!r} is not among the fields", name)
    if list(kinds)[-1] != "run_id":
        raise node.error("the last field of a derived table is run_id, the run that wrote the row", "data")
    columns = {name: tuple(node[name]) for name in ("key", "identity", "inputs", "reads")}
    return Derivation(kind=node["kind"], **columns)


def _check_inputs(
    path: Path, table: TableDeclaration, events: dict[str, EventType], tables: dict[str, TableDeclaration]
) -> None:
    inputs = table.derived.inputs if table.derived else ()
    unknown = [name for name in inputs if name not in events and name not in tables]
    if unknown:
        raise load_located(path).error(f"input {unknown[0]!r} is neither an event type nor a table", "inputs")
    if table.name in events:
        raise load_located(path).error(f"{table.name!r} is an event type; choose another name")
