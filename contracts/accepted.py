"""Events of other producers that contracts accept, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from contracts._located import Located
from contracts.events import EventVersion
from contracts.mapping import METADATA, Events, Metadata, Section, parse_section

_FOREIGN: Final = frozenset({"source", "detail-type", "mapping"})
_OF_FOREIGN: Final = frozenset({"occurred_at", "fields", "where", "id", "historical", *METADATA})


@dataclass(frozen=True, slots=True)
class Accepted:
    """Events of another producer that contracts accept, by source and detail-type: patterns, as of file names.

    `payload` and `topic` are SQL over the envelope: the document within, and what its sender calls its kind.
    """

    source: str
    detail_type: str
    section: Section
    payload: str = "detail->'payload'"
    topic: str = "detail->>'topic'"

    @property
    def place(self) -> str:
        """Tells this from all others that are accepted."""
        return f"{self.source} {self.detail_type} {self.section.place}"

    def takes(self, source: str, detail_type: str) -> bool:
        """True for an event of that source and type."""
        return fnmatchcase(detail_type, self.detail_type) and fnmatchcase(source, self.source)


def parse_accepted(events: Events, metadata: Metadata) -> tuple[Accepted, ...]:
    """What the newest version of each event type accepts.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    fields = tuple(metadata)
    return tuple(
        _accepted(node, event.latest, fields) for event in events.values() for node in event.latest.accepts
    )


def _accepted(node: Located, version: EventVersion, metadata: Metadata) -> Accepted:
    node.refuse_unknown(_FOREIGN, "key")
    for key in sorted(_FOREIGN):
        if not node.get(key):
            raise node.error(
                f"what a contract accepts has 'source', 'detail-type' and 'mapping'; {key!r} is missing"
            )
    mapping = node["mapping"]
    if not isinstance(mapping, Located):
        raise node.error("'mapping' is a mapping of what the event is made from", "mapping")
    mapping.refuse_unknown(_OF_FOREIGN, "key")
    source = str(node["source"])
    return Accepted(source, str(node["detail-type"]), parse_section(mapping, version, source, metadata))
