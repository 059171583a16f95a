"""The door: events get their envelope, are held against their contracts, and go into the log."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from contracts.declarations import Declarations
from contracts.errors import InvalidEventError, UsageError
from contracts.layout import DEFAULT_BUS
from contracts.validation import MAX_RECORD_BYTES, Rejection, Validator
from ingestion.event_log import EventLog

Event: TypeAlias = Mapping[str, Any] | bytes
"""Details (`event_type`, `data`, and any of `source` and the metadata's fields), or an envelope, as mapping or as bytes."""

NAMED_PROBLEMS: Final = 5
"""How many problems one error names."""

_encode = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical").encode


@dataclass(frozen=True, slots=True)
class Published:
    """What one call put into the log: all events, and how many of them will end in quarantine."""

    published: int
    invalid: int


def utc_now() -> dt.datetime:
    """The time now, with zone."""
    return dt.datetime.now(dt.UTC)


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
        self._source = source
        self._clock = clock
        self._validator = Validator(declarations)

    def publish(
        self, events: Iterable[Event], *, on_invalid: Literal["refuse", "send"] = "refuse"
    ) -> Published:
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
        now = self._clock()
        records = [self._record(event, now) for event in events]
        problems = [(i, verdict) for i, record in enumerate(records) if (verdict := self._verdict(record))]
        if problems and on_invalid == "refuse":
            raise InvalidEventError(_sentence(problems, len(records)))
        self._log.append(records, bus=self._bus, received_at=now)
        return Published(len(records), len(problems))

    def _record(self, event: Event, now: dt.datetime) -> bytes:
        if isinstance(event, bytes):
            return event.replace(
                b"\n", b" "
            )  # a newline ends a record in raw; within JSON it is only white space
        if "detail-type" in event:
            return _encode(_stamped(event, now))
        return self._enveloped(event, now)

    def _enveloped(self, event: Mapping[str, Any], now: dt.datetime) -> bytes:
        """The envelope round the details of one event."""
        metadata = {k: v for k, v in event.items() if k not in {"data", "source"}}
        event_type = str(event.get("event_type"))
        metadata.setdefault("event_id", str(uuid.uuid4()))
        metadata.setdefault("schema_version", self._newest(event_type))
        metadata.setdefault("occurred_at", now)
        metadata["received_at"] = now
        envelope = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": event_type,
            "source": event.get("source", self._source),
            "time": now,
        }
        data = event.get("data", {})
        if isinstance(data, Raw):
            return _spliced(envelope, metadata, bytes(data))
        if "metadata" in data:
            raise UsageError(
                f"The data of a {event_type} holds 'metadata', which is the envelope's. Rename that field."
            )
        return _encode({**envelope, "detail": {"metadata": metadata, **data}})

    def _newest(self, event_type: str) -> int:
        event = self.declarations.events.get(event_type)
        return event.latest.version if event else 1

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


def _stamped(envelope: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """A ready envelope with what the door sets: its time of arrival, and a delivery id and time where it has none."""
    found = {"version": "0", "id": str(uuid.uuid4()), "time": now, **envelope}
    detail = found.get("detail")
    if isinstance(detail, Mapping) and isinstance(detail.get("metadata"), Mapping):
        found["detail"] = {**detail, "metadata": {**detail["metadata"], "received_at": now}}
    return found


def _spliced(envelope: dict[str, Any], metadata: dict[str, Any], data: bytes) -> bytes:
    """The envelope with data that is JSON text already."""
    head = _encode({**envelope, "detail": {"metadata": metadata}})
    members = data.strip()[1:-1].strip()
    return head[:-2] + b"," + members + b"}}" if members else head


def _sentence(problems: list[tuple[int, Rejection]], events: int) -> str:
    named = [f"  event {i}: {_where(verdict)}{verdict.message}" for i, verdict in problems[:NAMED_PROBLEMS]]
    more = [f"  and {len(problems) - NAMED_PROBLEMS} more"] if len(problems) > NAMED_PROBLEMS else []
    what = f"{len(problems)} of {events} events do not fit their contracts; none was published."
    advice = "Mend them, or send them anyway: they are then kept in quarantine."
    return "\n".join([what, *named, *more, advice])


def _where(verdict: Rejection) -> str:
    return f"{verdict.event_type} {verdict.event_id}: " if verdict.event_type else ""
