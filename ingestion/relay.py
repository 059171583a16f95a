"""Documents of a source → events on a bus, with a word for each document that was not sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from contracts.sources import Source
from ingestion.bus import Bus
from ingestion.documents import Document, Intake, why_no_json
from ingestion.publisher import utc_now
from ingestion.put_events import Failure


class Relay:
    """Sends what a stream hands over, as far as the bus accepts it. One instance serves one thread."""

    def __init__(self, source: Source, bus: Bus, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._intake = Intake(source)
        self._bus = bus
        self._clock = clock

    def send(self, documents: Sequence[Document]) -> list[str | None]:
        """Send the events of documents, together as far as calls hold them.

        Returns:
            For each document why it has to be handed over again, or None: its events were accepted, or it becomes none.

        Raises:
            UsageError: when the bus does not exist.
        """
        reasons = [why_no_json(each.payload) for each in documents]
        # in raw such a document would end in quarantine, but only JSON gets there by a bus
        found = [f"No bus takes it: {why}." if why is not None else None for why in reasons]
        sound = [number for number, reason in enumerate(found) if reason is None]
        for number, failure in self._unsent([documents[number] for number in sound]):
            found[sound[number]] = found[sound[number]] or failure.said
        return found

    def _unsent(self, documents: Sequence[Document]) -> Iterator[tuple[int, Failure]]:
        """Numbers of the documents of which something was not accepted, and why, in their order."""
        now = self._clock()
        failures = self._bus.send(self._bus.read(self._intake.take(documents, now).records))
        if not any(failures):
            return
        for number, failure in zip(self._origins(documents, now), failures, strict=True):
            if failure:
                yield number, failure

    def _origins(self, documents: Sequence[Document], now: dt.datetime) -> list[int]:
        """Of which document each record is. Taken one by one, which takes long, so only where it has to be known."""
        counts = [len(self._intake.take([each], now).records) for each in documents]
        return [number for number, count in enumerate(counts) for _ in range(count)]
