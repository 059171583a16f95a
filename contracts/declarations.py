"""All declarations of one estate: the envelope, the event types and the platform's own tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from contracts._located import Located, load_located
from contracts.errors import UsageError
from contracts.events import EventType, load_event_type
from contracts.fields import Field, Kind, parse_members
from contracts.layout import CURATED

BUILT_IN = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Envelope:
    """EventBridge's fields, the metadata, and the columns the lake adds to each row."""

    record: tuple[Field, ...]
    metadata: tuple[Field, ...]
    row: tuple[Field, ...]
    transport: frozenset[str]
    provenance: frozenset[str]

    @property
    def columns_before(self) -> tuple[Field, ...]:
        """Metadata columns of a curated table; the event type is the table's name and no column."""
        return tuple(f for f in self.metadata if f.name != "event_type")


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """A table of the platform's own, such as the ledger."""

    name: str
    description: str
    grain: str
    partition: str | None
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Declarations:
    """Everything declared under one root folder."""

    root: Path
    envelope: Envelope
    events: dict[str, EventType]
    tables: dict[str, TableDeclaration]

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

    def table(self, identifier: str) -> tuple[tuple[Field, ...], str | None]:
        """Columns and partition column of a declared table (`curated.…` or `platform.…`)."""
        schema, _, name = identifier.partition(".")
        if schema == CURATED:
            return self.curated[name], "occurred_at"
        return self.tables[name].fields, self.tables[name].partition

    @cached_property
    def curated(self) -> dict[str, tuple[Field, ...]]:
        """Columns of every curated table, by event type."""
        before, row = self.envelope.columns_before, self.envelope.row
        return {name: (*before, *event.latest.fields, *row) for name, event in self.events.items()}


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
    envelope = _envelope(root / "envelope.yaml", shapes)
    reserved = frozenset(f.name for f in (*envelope.metadata, *envelope.row)) | {"metadata"}
    folders = sorted(p for p in (root / "events").iterdir() if p.is_dir())
    events = {p.name: load_event_type(p, shapes, reserved) for p in folders}
    tables = {p.stem: _table(p, shapes) for p in sorted((root / "tables").glob("*.yaml"))}
    return Declarations(root, envelope, events, tables)


def _envelope(path: Path, shapes: Located) -> Envelope:
    node = load_located(path)
    return Envelope(
        record=parse_members(node["record"], shapes),
        metadata=parse_members(node["metadata"], shapes),
        row=parse_members(node["row"], shapes),
        transport=frozenset(node["transport"]),
        provenance=frozenset(node["provenance"]),
    )


def _table(path: Path, shapes: Located) -> TableDeclaration:
    node = load_located(path)
    node.refuse_unknown(frozenset({"description", "grain", "partition", "data"}), "header")
    fields = parse_members(node["data"], shapes)
    partition = node.get("partition")
    kinds = {f.name: f.kind for f in fields}
    if partition is not None and kinds.get(partition) not in {Kind.DATE, Kind.DATE_TIME}:
        raise node.error(f"partition {partition!r} is not a date or time among the fields", "partition")
    return TableDeclaration(
        path.stem, " ".join(str(node["description"]).split()), node["grain"], partition, fields
    )
