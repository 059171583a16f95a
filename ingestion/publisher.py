"""The door: events get their envelope, are held against their contracts, and go into the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from contracts.declarations import Declarations
from contracts.errors import InvalidEventError
from contracts.layout import DEFAULT_BUS
from contracts.validation import MAX_RECORD_BYTES, Rejection, Validator
from ingestion.envelopes import Envelopes, Event
from ingestion.event_log import EventLog

OnInvalid: TypeAlias = Literal["refuse", "send"]

NAMED_PROBLEMS: Final = 5
"""How many problems one error names."""


@dataclass(frozen=True, slots=True)
class Published:
    """What one call put into the log: all events, and how many of them will end in quarantine."""

    published: int
    invalid: int


def utc_now() -> dt.datetime:
    """The time now, with zone."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one event of a batch should not be published; `number` counts the batch's events from 0."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The records of a batch, in the order of its events, when they came, and which do not fit their contracts."""

    records: list[bytes]
    received_at: dt.datetime
    problems: list[Problem]


class Door:
    """What every way in does first: events get their envelope and their verdict."""

    def __init__(self, declarations: Declarations, *, source: str, clock: Callable[[], dt.datetime]) -> None:
        """`source` names the producing application where an event does not; `clock` gives times with zone."""
        self._envelopes = Envelopes(declarations, source=source)
        self._clock = clock
        self._validator = Validator(declarations)

    def take(self, events: Iterable[Event]) -> Taken:
        """The records of a batch of events, and their verdicts.

        Raises:
            UsageError: when the data of details holds what is the envelope's.
        """
        now = self._clock()
        records = [self._envelopes.record(event, now) for event in events]
        verdicts = ((i, self._verdict(record)) for i, record in enumerate(records))
        problems = [Problem(i, _where(verdict) + verdict.message) for i, verdict in verdicts if verdict]
        return Taken(records, now, problems)

    def _verdict(self, record: bytes) -> Rejection | None:
        """None for a valid record."""
        if self._passes(record):
            return None
        verdict = self._validator.read(record)
        return verdict if isinstance(verdict, Rejection) else None

    def _passes(self, record: bytes) -> bool:
        """The common verdict, given several times faster than in full."""
        try:
            self._validator.read_fast(record)
        except (ValueError, RecursionError):
            return False
        return len(record) <= MAX_RECORD_BYTES


class Publisher:
    """Publishes events on one bus."""

    def __init__(
        self,
        declarations: Declarations,
        log: EventLog,
        *,
        bus: str = DEFAULT_BUS,
        source: str = "lake",
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """`source` names the producing application where an event does not; `clock` gives times with zone."""
        self.declarations = declarations
        self._log = log
        self._bus = bus
        self._door = Door(declarations, source=source, clock=clock)

    def publish(self, events: Iterable[Event], *, on_invalid: OnInvalid = "refuse") -> Published:
        """Publish a batch in one transaction; it is durable when this returns.

        Args:
            events: details or envelopes. Details get what they lack: an id, the newest version, and now as `occurred_at`.
                `data` may be JSON already, as `msgspec.Raw`. An envelope given as bytes is taken as it is.
            on_invalid: `refuse` publishes nothing unless every event is valid; `send` publishes the invalid ones too,
                so that they end in quarantine.

        Raises:
            InvalidEventError: on `refuse`, naming the first problems.
            StorageError: when the log cannot be written; nothing is published.
        """
        taken = self._door.take(events)
        if on_invalid == "refuse":
            refuse(taken.problems, len(taken.records))
        self._log.append(taken.records, bus=self._bus, received_at=taken.received_at)
        return Published(len(taken.records), len(taken.problems))


def refuse(problems: Sequence[Problem], events: int) -> None:
    """Refuse a batch of so many `events` where it has problems.

    Raises:
        InvalidEventError: naming the first problems.
    """
    if not problems:
        return
    named = [f"  event {each.number}: {each.text}" for each in problems[:NAMED_PROBLEMS]]
    more = [f"  and {len(problems) - NAMED_PROBLEMS} more"] if len(problems) > NAMED_PROBLEMS else []
    what = f"{len(problems)} of {events} events do not fit their contracts; none was published."
    advice = "Mend them, or send them anyway: they are then kept in quarantine."
    raise InvalidEventError("\n".join([what, *named, *more, advice]))


def _where(verdict: Rejection) -> str:
    return f"{verdict.event_type} {verdict.event_id}: " if verdict.event_type else ""
