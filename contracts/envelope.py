"""The envelope: what every event says of itself, and what the lake adds to its row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts._located import Located, load_located
from contracts.fields import Field, parse_members


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


def load_envelope(path: Path, shapes: Located) -> Envelope:
    """Read the envelope's declaration.

    Raises:
        ContractError: naming file and line.
    """
    node = load_located(path)
    return Envelope(
        record=parse_members(node["record"], shapes),
        metadata=parse_members(node["metadata"], shapes),
        row=parse_members(node["row"], shapes),
        transport=frozenset(node["transport"]),
        provenance=frozenset(node["provenance"]),
    )
