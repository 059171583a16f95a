"""The shop's way out: events become envelopes and leave in the order of their arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, NamedTuple

import orjson

from contracts.declarations import Declarations
from simulator._chance import Chance
from simulator._timeline import HOUR, MINUTE, SECOND, second_text, time_text

LATE_SHARE: Final = 0.004
"""Share of the events of apps and tills that were offline when they happened."""

SLOT: Final = 5 * MINUTE
"""Events wait for their arrival in slots of this length."""

_TENANT, _ENVIRONMENT = "aurelia", "production"
_ACCOUNT, _REGION = "123456789012", "eu-central-1"
_MOST_LAG = 4 * SECOND
_CLOSING = 6 * SECOND
_LEAST_LATE, _LATE_SPREAD = 5 * MINUTE, 576  # 2 days are 576 times 5 minutes

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
class Window:
    """The simulated time, in microseconds since 1970; the end is excluded."""

    start: int
    end: int


class Arrival(NamedTuple):
    """One record as it reaches the bus: when (seconds since 1970) and its bytes."""

    at: int
    line: bytes


class _Event(NamedTuple):
    arrived: int
    order: int
    event_type: str
    version: int
    occurred: int
    channel: str
    correlation: str | None
    data: dict[str, Any]


class _Sender(NamedTuple):
    """What a producer says of each event of one type."""

    producer: str
    source: str
    entity: str
    sequence: Iterator[int]


class Outbox:
    """Takes exactly as many events as are wanted, and only those that arrive within the window."""

    def __init__(self, declarations: Declarations, rng: Chance, window: Window, events: int) -> None:
        self.left = events
        self.taken = 0
        self._entities = {name: event.latest.entity for name, event in declarations.events.items()}
        self._rng = rng
        self._closes = window.end - _CLOSING
        self._latest = window.end - HOUR
        self._slots: defaultdict[int, list[_Event]] = defaultdict(list)
        self._order = count()
        self._senders: dict[tuple[str, str], _Sender] = {}
        self._sequences: defaultdict[str, Iterator[int]] = defaultdict(count)

    def room(self, events: int, until: int) -> bool:
        """True when that many events, the last at `until`, are sure to be taken. Ask before sending what belongs together."""
        return self.left >= events and until < self._closes

    def emit(
        self,
        event_type: str,
        occurred: int,
        data: dict[str, Any],
        *,
        channel: str,
        correlation: str | None = None,
        version: int = 1,
        may_be_late: bool = False,
    ) -> None:
        """Send one event that happens at `occurred`; without room for it, nothing happens."""
        if not self.left or occurred >= self._closes:
            return
        self.left -= 1
        self.taken += 1
        arrived = self._arrival(occurred, may_be_late=may_be_late)
        event = _Event(arrived, next(self._order), event_type, version, occurred, channel, correlation, data)
        self._slots[arrived * SECOND // SLOT].append(event)

    def release(self, until: int) -> Iterator[Arrival]:
        """The events that arrive before `until`, a multiple of `SLOT`, in order."""
        for slot in sorted(s for s in self._slots if s < until // SLOT):
            for event in sorted(self._slots.pop(slot)):
                yield Arrival(event.arrived, self._line(event))

    def _arrival(self, occurred: int, *, may_be_late: bool) -> int:
        """When the bus takes the event in, in whole seconds."""
        if may_be_late and self._rng.chance(LATE_SHARE):
            late = occurred + int(_LEAST_LATE * _LATE_SPREAD ** self._rng.random())
            if late < self._latest:
                return late // SECOND
        return (occurred + self._rng.below(_MOST_LAG)) // SECOND + 1

    def _line(self, event: _Event) -> bytes:
        arrived, _, event_type, version, occurred, channel, correlation, data = event
        sender = self._senders.get((event_type, channel)) or self._sender(event_type, channel)
        arrival, lag = arrived * SECOND, arrived * SECOND - occurred
        # a late event was kept by its sender: it left shortly before it arrived
        sent = occurred + lag // 4 if lag <= _CLOSING else arrival - 2 * SECOND
        event_id, delivery_id = self._rng.uuids()
        metadata = {
            "event_id": event_id,
            "event_type": event_type,
            "schema_version": version,
            "occurred_at": time_text(occurred),
            "sent_at": time_text(sent),
            "received_at": time_text((sent + arrival) // 2),
            "channel": channel,
            "producer": sender.producer,
            "producer_seq": next(sender.sequence),
            "entity_id": data[sender.entity],
            "tenant": _TENANT,
            "environment": _ENVIRONMENT,
            "correlation_id": correlation,
        }
        return orjson.dumps(
            {
                "version": "0",
                "id": delivery_id,
                "detail-type": event_type,
                "source": sender.source,
                "account": _ACCOUNT,
                "time": second_text(arrived),
                "region": _REGION,
                "resources": [],
                "detail": {"metadata": metadata, **data},
            }
        )

    def _sender(self, event_type: str, channel: str) -> _Sender:
        producer = _PRODUCERS.get(event_type) or f"storefront-{channel}"
        sender = _Sender(
            producer, f"{_TENANT}.{producer}", self._entities[event_type], self._sequences[producer]
        )
        self._senders[event_type, channel] = sender
        return sender
