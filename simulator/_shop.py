"""The shop: its state, its clock and its way out, handed to every step of the simulation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from simulator._catalogue import Catalogue
from simulator._chance import Chance
from simulator._outbox import Outbox, Window
from simulator._people import People
from simulator._promotions import Promotions
from simulator._stock import Stock
from simulator._timeline import Step, Timeline


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything a step may read or change. `run` tells the keys of two simulations apart."""

    run: str
    rng: Chance
    window: Window
    pace: float
    timeline: Timeline
    outbox: Outbox
    catalogue: Catalogue
    people: People
    stock: Stock = field(default_factory=Stock)
    promotions: Promotions = field(default_factory=Promotions)
    _numbers: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> int:
        """The instant of the running step."""
        return self.timeline.now

    def number(self, prefix: str) -> str:
        """The next business key with that prefix."""
        self._numbers[prefix] += 1
        return f"{prefix}-{self.run}-{self._numbers[prefix]:07d}"

    def emit(
        self,
        event_type: str,
        data: dict[str, Any],
        *,
        channel: str,
        correlation: str | None = None,
        at: int | None = None,
        version: int = 1,
    ) -> None:
        """Send an event that happens now, or at `at`."""
        occurred = self.now if at is None else at
        self.outbox.emit(
            event_type, occurred, data, channel=channel, correlation=correlation, version=version
        )

    def later(self, delay: int, step: Step, *arguments: Any) -> None:
        """Run a step after a delay. Short windows are told faster, so that every kind of event fits into them."""
        self.timeline.at(self.now + int(delay * self.pace), step, self, *arguments)
