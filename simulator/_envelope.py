"""Events in their envelopes: who sends what, and the bytes that leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from msgspec import Struct

from simulator._timeline import SECOND, second_text, time_text

PUNCTUAL: Final = 6 * SECOND
"""An event that arrives within that time was sent at once; a later one was kept by its sender."""

_TENANT, _ENVIRONMENT = "aurelia", "production"
_ACCOUNT, _REGION = "123456789012", "eu-central-1"
_GAP: Final = "?"
_BARE_GAP: Final = orjson.Fragment(_GAP)

_PRODUCERS: Final[Mapping[str, str]] = {
    "experiment_exposed": "experimentation",
    "customer_registered": "crm",
    "customer_updated": "crm",
    "consent_changed": "consent-manager",
    "order_placed": "order-management",
    "order_cancelled": "order-management",
    "payment_authorized": "payment-gateway",
    "payment_captured": "payment-gateway",
    "payment_failed": "payment-gateway",
    "payment_refunded": "payment-gateway",
    "shipment_dispatched": "warehouse-management",
    "shipment_delivered": "carrier-gateway",
    "return_received": "reverse-logistics",
    "sale_completed": "point-of-sale",
    "stock_adjusted": "inventory",
    "stock_counted": "inventory",
    "stock_received": "inventory",
    "product_updated": "product-information",
    "price_changed": "pricing",
    "promotion_published": "promotion-engine",
    "fx_rate_published": "treasury",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """A producer as it sends events of one type.

    `entity` is the field of their entity, `sequence` counts what the producer sends, `opening` is the envelope up to the data.
    Every second piece of the opening is a gap.
    """

    entity: str
    sequence: Iterator[int]
    opening: list[str]


class Event(Struct, frozen=True, gc=False):
    """An event on its way: when it happened (in microseconds since 1970) and when it arrives (in seconds).

    `data` is a JSON object that is not empty, encoded, less its first brace: it goes on where the metadata end. `entity_id` and
    `correlation` are keys in which JSON escapes nothing.
    """

    arrived: int
    occurred: int
    sender: Sender
    entity_id: str
    correlation: str | None
    data: bytes

    def line(self, ids: tuple[str, str]) -> bytes:
        """The record as it leaves, with an id for the event and one for its delivery; the sender counts it."""
        event_id, delivery_id = ids
        arrival = self.arrived * SECOND
        lag = arrival - self.occurred
        # a late event left its sender shortly before it arrived
        sent = self.occurred + lag // 4 if lag <= PUNCTUAL else arrival - 2 * SECOND
        opening = self.sender.opening.copy()
        opening[1::2] = (
            delivery_id,
            second_text(self.arrived),
            event_id,
            time_text(self.occurred),
            time_text(sent),
            time_text((sent + arrival) // 2),
            str(next(self.sender.sequence)),
            self.entity_id,
            "null" if self.correlation is None else f'"{self.correlation}"',
        )
        return b"".join(("".join(opening).encode(), self.data, b"}"))


def producer_of(event_type: str, channel: str) -> str:
    """Who sends events of that type."""
    return _PRODUCERS.get(event_type) or f"storefront-{channel}"


def opening(event_type: str, version: int, channel: str) -> list[str]:
    """The envelope up to the data, in pieces: every second one is a gap for what differs from event to event."""
    producer = producer_of(event_type, channel)
    metadata = {
        "event_id": _GAP,
        "event_type": event_type,
        "schema_version": version,
        "occurred_at": _GAP,
        "sent_at": _GAP,
        "received_at": _GAP,
        "channel": channel,
        "producer": producer,
        "producer_seq": _BARE_GAP,
        "entity_id": _GAP,
        "tenant": _TENANT,
        "environment": _ENVIRONMENT,
        "correlation_id": _BARE_GAP,
    }
    envelope = {
        "version": "0",
        "id": _GAP,
        "detail-type": event_type,
        "source": f"{_TENANT}.{producer}",
        "account": _ACCOUNT,
        "time": _GAP,
        "region": _REGION,
        "resources": [],
        "detail": {"metadata": metadata},
    }
    text = orjson.dumps(envelope).decode().removesuffix("}}") + ","
    first, *others = text.split(_GAP)
    return [first, *(piece for other in others for piece in ("", other))]
