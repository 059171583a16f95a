"""Good events seen so far that a fault may copy, and fresh copies that harm no business key."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import orjson

from simulator._chance import Chance
from simulator._objects import OpenObject
from simulator._outbox import Arrival
from simulator._timeline import DAY, SECOND, second_text, time_text

_SAMPLED: Final = 40
_KEPT: Final = 2_000
_PRODUCER: Final = "storefront-edge"
_TEMPLATES: Final = (
    ("page_viewed", b'"detail-type":"page_viewed"'),
    ("cart_item_added", b'"detail-type":"cart_item_added"'),
)

Envelope = dict[str, Any]


class Victims:
    """A bounded memory of good events: of this object, of this day's earlier objects, and of earlier days."""

    def __init__(self, rng: Chance) -> None:
        self._rng = rng
        self._today: deque[Arrival] = deque(maxlen=_KEPT)
        self._before: deque[Arrival] = deque(maxlen=_KEPT)
        self._day = 0
        self._templates: dict[str, bytes] = {}
        self._sequence = 0

    def meet(self, arrival: Arrival) -> None:
        """Look at an event on its way into an object."""
        day = arrival.at * SECOND // DAY
        if day != self._day:
            self._before.extend(self._today)
            self._today.clear()
            self._day = day
        for event_type, sign in _TEMPLATES:
            if sign in arrival.line:
                self._templates[event_type] = arrival.line

    def remember(self, closed: OpenObject) -> None:
        """Keep a sample of a closed object."""
        self._today.extend(self._rng.sample(closed.good, min(_SAMPLED, len(closed.good))))

    def in_object(self, current: OpenObject, now: int) -> Arrival | None:
        """An event of this very object that arrived before now."""
        return self._earlier(current.good, now)

    def today(self, now: int) -> Arrival | None:
        """An event of another object of today."""
        return self._earlier(self._today, now)

    def before(self, now: int) -> Arrival | None:
        """An event of an earlier day."""
        return self._earlier(self._before, now)

    def any(self, current: OpenObject, now: int) -> Arrival | None:
        """An event of any time before now."""
        return self._rng.pick((self.in_object(current, now), self.today(now), self.before(now)))

    def fresh(self, event_type: str, now: int, *, age: int | None = None) -> Envelope | None:
        """A new event by a visitor of its own, like one seen before, that arrives now and happened `age` microseconds ago."""
        template = self._templates.get(event_type)
        if template is None:
            return None
        rng = self._rng
        age = rng.between(SECOND, 4 * SECOND) if age is None else age
        envelope: Envelope = orjson.loads(template)
        detail, session = envelope["detail"], f"s-{rng.token()}"
        envelope.update({"id": rng.uuid(), "time": second_text(now), "source": f"aurelia.{_PRODUCER}"})
        detail.update({"session_id": session, "visitor_id": f"v-{rng.token()}", "customer_id": None})
        if "cart_id" in detail:
            detail["cart_id"] = f"ca-{rng.token()}"
        detail["metadata"].update(
            {
                "event_id": rng.uuid(),
                "occurred_at": time_text(now * SECOND - age),
                "sent_at": time_text(now * SECOND - SECOND),
                "received_at": time_text(now * SECOND - SECOND // 2),
                "producer": _PRODUCER,
                "producer_seq": self._sequence,
                "entity_id": detail.get("cart_id", session),
                "correlation_id": session,
            }
        )
        self._sequence += 1
        return envelope

    def again(self, victim: Arrival, now: int) -> Envelope:
        """The same event delivered again now."""
        envelope: Envelope = orjson.loads(victim.line)
        envelope.update({"id": self._rng.uuid(), "time": second_text(now)})
        return envelope

    def _earlier(self, events: deque[Arrival] | list[Arrival], now: int) -> Arrival | None:
        victim = events[self._rng.below(len(events))] if events else None
        return victim if victim and victim.at < now else None
