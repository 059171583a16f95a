"""Sources: the families of systems that feed the road, and how what each sends becomes events, one YAML file a source.

```yaml
family: Shopify
description: Orders, refunds and inventory of a Shopify shop.
documentation: https://…           # where the sender tells what it sends
arrives: webhook                   # webhook, stream, bus, export, capture, extract or drop
webhook: {signature: shopify, topic: x-shopify-topic}   # how it is signed; the header that names the topic, if any
split: payload->'batch'            # a list in a document: each item is a document of its own
ignore: topic like 'themes/%'      # documents that are knowingly left out
extract: [{table: shop.products, watermark: updated_at, key: [sku], overlap: 5 minutes}]   # see contracts/extracts.py
on_bus:                            # the same documents, as a partner event straight from raw
  - {source: aws.partner/shopify.com/*, detail-type: shopifyWebhook, payload: detail->'payload', topic: "detail->'metadata'->>'X-Shopify-Topic'"}
events:
  - event_type: payment_refunded
    where: topic = 'refunds/create'
    each: payload->'transactions'  # one event for each item of a list
    id: [{sql: "item->>'id'"}]
    occurred_at: payload->>'processed_at'
    fields: {refund_id: "item->>'id'", …}
```

A document is a JSON value; expressions know it as `payload`, with `topic` and, under `each`, `item`; besides `time`, when it came. `where` and `each`
are carried out at the door, which writes the document into raw once for each event it becomes, and again at curate, which makes the event: so
raw keeps what was sent, and a mapping that was wrong is mended by a rebuild.

With `reads: rows` the source is files of rows, and its sections are those of a mapping file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts._located import Located, load_located
from contracts.accepted import Accepted
from contracts.extracts import Extract, parse_extracts
from contracts.mapping import (
    METADATA,
    Events,
    Metadata,
    Section,
    declared_version,
    parse_rows,
    parse_section,
)
from contracts.targets import Expression, expression

ARRIVALS: Final = ("webhook", "stream", "bus", "export", "capture", "extract", "drop")
SIGNATURES: Final = ("standard", "shopify", "stripe", "segment")

_DEMANDED: Final = ("family", "description", "documentation", "arrives", "events")
_OF_DOCUMENTS: Final = ("webhook", "split", "ignore", "on_bus", "extract")
_SECTION: Final = frozenset(
    {"event_type", "schema_version", "where", "each", "id", "occurred_at", "historical", "fields", *METADATA}
)
_BUS: Final = frozenset({"source", "detail-type", "payload", "topic"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """How a sender signs what it posts to us, and the header that names the topic."""

    signature: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """One source. `reads` is documents or rows; `on_bus` are the shapes in which its documents come by a bus."""

    name: str
    path: Path
    family: str
    description: str
    documentation: str
    arrives: str
    reads: str
    sections: tuple[Section, ...]
    split: Expression | None = None
    ignore: Expression | None = None
    webhook: Webhook | None = None
    on_bus: tuple[Accepted, ...] = ()
    extracts: tuple[Extract, ...] = ()

    @property
    def has_topics(self) -> bool:
        """Whether its documents come with a topic: a webhook's header, or the table they are from."""
        return bool(self.extracts or (self.webhook and self.webhook.topic))

    @property
    def event_types(self) -> tuple[str, ...]:
        """What becomes of it."""
        return tuple(dict.fromkeys(section.event_type for section in self.sections))

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """What curate accepts of it: documents that our door wrote into raw, and those that came by a bus."""
        if self.reads == "rows":
            return ()
        ours = tuple(Accepted(self.name, section.event_type, section) for section in self.sections)
        return (*ours, *self.on_bus)


def load_sources(folder: Path, events: Events, metadata: Metadata) -> dict[str, Source]:
    """The sources declared in a folder, by name: the file's.

    Raises:
        ContractError: for the first mistake, naming file and line.
    """
    fields = tuple(metadata)
    return {
        path.stem: _source(load_located(path), path, events, fields) for path in sorted(folder.glob("*.yaml"))
    }


def _source(node: Located, path: Path, events: Events, metadata: Metadata) -> Source:
    reads = _one_of(node, "reads", ("documents", "rows"), "documents")
    of_documents = _OF_DOCUMENTS if reads == "documents" else ()
    node.refuse_unknown(frozenset((*_DEMANDED, *of_documents, "reads")), "key")
    for key in _DEMANDED:
        if not node.get(key):
            raise node.error(f"a source declares {key!r}")
    given = node["events"]
    if not isinstance(given, list) or not all(isinstance(each, Located) for each in given):
        raise node.error("'events' is a list with a mapping for each event type", "events")
    sections = tuple(_section(each, path.stem, reads, events, metadata) for each in given)
    return Source(
        name=path.stem,
        path=path,
        family=str(node["family"]),
        description=" ".join(str(node["description"]).split()),
        documentation=str(node["documentation"]),
        arrives=_one_of(node, "arrives", ARRIVALS, None),
        reads=reads,
        sections=sections,
        split=expression(node["split"], node, "split") if "split" in node else None,
        ignore=expression(node["ignore"], node, "ignore") if "ignore" in node else None,
        webhook=_webhook(node["webhook"], node) if "webhook" in node else None,
        on_bus=tuple(_on_bus(node, sections)),
        extracts=_extracts(node),
    )


def _section(node: Located, source: str, reads: str, events: Events, metadata: Metadata) -> Section:
    if reads == "rows":
        return parse_rows(node, events, metadata, source)
    node.refuse_unknown(_SECTION, "key")
    return parse_section(node, declared_version(node, events), source, metadata)


def _extracts(node: Located) -> tuple[Extract, ...]:
    if "extract" not in node:
        return ()
    if node["arrives"] != "extract":
        raise node.error("'extract' is for sources that arrive as an extract", "extract")
    return parse_extracts(node["extract"], node)


def _webhook(node: Located, parent: Located) -> Webhook:
    if not isinstance(node, Located):
        raise parent.error("'webhook' is a mapping of signature and topic", "webhook")
    node.refuse_unknown(frozenset({"signature", "topic"}), "key")
    topic = node.get("topic")
    return Webhook(_one_of(node, "signature", SIGNATURES, None), str(topic).lower() if topic else None)


def _on_bus(node: Located, sections: tuple[Section, ...]) -> Iterator[Accepted]:
    """What a partner's events become: at most one event of ours each, so sections with `each` take no part."""
    for bus in node.get("on_bus", []):
        if not isinstance(bus, Located) or not {"source", "detail-type"} <= set(bus):
            raise node.error("'on_bus' is a list of mappings with source and detail-type", "on_bus")
        bus.refuse_unknown(_BUS, "key")
        payload, topic = bus.get("payload", "detail"), bus.get("topic", "detail_type")
        for section in sections:
            if section.each is None:
                yield Accepted(str(bus["source"]), str(bus["detail-type"]), section, payload, topic)


def _one_of(node: Located, key: str, words: tuple[str, ...], otherwise: str | None) -> str:
    word = node.get(key, otherwise)
    if word not in words:
        raise node.error(f"{key!r} is one of: {', '.join(words)}", key)
    return str(word)
