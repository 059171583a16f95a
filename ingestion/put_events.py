"""PutEvents: records as entries, entries in calls that fit, and calls repeated for what failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from contracts.errors import UsageError
from contracts.limits import limit
from lakehouse._aws import Fault, code_of, fault_of_call, fault_of_entry, said_of

MOST_ENTRIES: Final = limit("eventbridge.put_events.entries")
MOST_BYTES: Final = limit("eventbridge.put_events.bytes")
FIRST_WAIT: Final = 0.2
"""Seconds waited at most before a call is repeated first; doubled each time. The wait is drawn between zero and that."""
LONGEST_WAIT: Final = 20.0
_TIME_BYTES: Final = limit("eventbridge.put_events.time_bytes")


class _Envelope(Struct, rename={"detail_type": "detail-type"}):
    source: Annotated[str, Meta(min_length=1)]
    detail_type: Annotated[str, Meta(min_length=1)]
    detail: Raw
    time: Any = None
    resources: list[str] = []


class _Named(Struct, rename={"event_type": "detail-type"}):
    event_type: Any = None
    detail: Any = None


_read = msgspec.json.Decoder(_Envelope).decode
_read_names = msgspec.json.Decoder(_Named).decode


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A record as PutEvents takes it. `size` is in bytes, as EventBridge counts them; `offset` its place in an outbox."""

    record: bytes
    parameters: dict[str, Any]
    size: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Unfit:
    """A record that no bus takes, ever, and why."""

    record: bytes
    reason: str
    offset: int = 0


def entry_of(record: bytes, bus: str, *, offset: int = 0) -> Entry | Unfit:
    """The entry of a record for the bus (name or ARN)."""
    try:
        envelope = _read(record)
        detail = bytes(envelope.detail).decode()
    except (ValueError, RecursionError) as e:
        return Unfit(record, f"No bus takes it: {e}.", offset)
    if not detail.lstrip().startswith("{"):
        return Unfit(record, "No bus takes it: `detail` is no JSON object.", offset)
    parameters = _parameters(envelope, detail, bus)
    size = _size(parameters)
    if size > MOST_BYTES:
        why = f"The entry has {size} bytes; EventBridge takes at most {MOST_BYTES}. Split the event."
        return Unfit(record, why, offset)
    return Entry(record, parameters, size, offset)


def _parameters(envelope: _Envelope, detail: str, bus: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Source": envelope.source,
        "DetailType": envelope.detail_type,
        "Detail": detail,
        "EventBusName": bus,
    }
    if time := _time(envelope.time):
        found["Time"] = time
    if envelope.resources:
        found["Resources"] = envelope.resources
    return found


def _time(value: Any) -> dt.datetime | None:
    """The time of an envelope; one that is none is for quarantine to name, so the bus sets its own."""
    try:
        found: dt.datetime = msgspec.convert(value, Annotated[dt.datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        return None
    return found


def _size(parameters: dict[str, Any]) -> int:
    texts = [parameters["Source"], parameters["DetailType"], parameters["Detail"]]
    counted = sum(len(text.encode()) for text in (*texts, *parameters.get("Resources", ())))
    return counted + (_TIME_BYTES if "Time" in parameters else 0)


def names_of(record: bytes) -> tuple[str | None, str | None]:
    """The event type and the event id that a record names, as far as it can be read."""
    try:
        found = _read_names(record)
        event_id = found.detail["metadata"]["event_id"]
    except (ValueError, RecursionError):
        return None, None
    except (KeyError, TypeError):
        event_id = None
    return _text(found.event_type), _text(event_id)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, in as many for each call as it takes by number and bytes."""
    batch: list[Entry] = []
    for entry in entries:
        if len(batch) == MOST_ENTRIES or sum(each.size for each in batch) + entry.size > MOST_BYTES:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an entry was not taken: the kind, AWS's word, and what AWS said."""

    fault: Fault
    code: str
    said: str


_UNASKED: Final = Failure("passing", "", "not asked yet")


@dataclass(slots=True)
class Outcome:
    """What became of the entries of one batch: the last failure of each that was not taken."""

    batch: Sequence[Entry]
    failures: dict[Entry, Failure]

    @property
    def accepted(self) -> list[Entry]:
        """Those taken, in order."""
        return [entry for entry in self.batch if entry not in self.failures]

    @property
    def pending(self) -> list[Entry]:
        """Those that may be taken when they are sent again, in order."""
        failed = ((entry, self.failures.get(entry)) for entry in self.batch)
        return [entry for entry, failure in failed if failure and failure.fault == "passing"]

    @property
    def refusal(self) -> tuple[Entry, Failure] | None:
        """The first failure that somebody must mend, and of which entry, if any."""
        return next((each for each in self.failures.items() if each[1].fault == "refused"), None)

    @property
    def problem(self) -> str | None:
        """Why some of it waits on, if any does."""
        return next((self.failures[entry].said for entry in self.pending), None)

    @property
    def blocker(self) -> Failure | None:
        """The failure for which further batches would fail too: nothing of this one was taken, though it could be."""
        if self.accepted:
            return None
        return next((each for each in self.failures.values() if each.fault != "unfit"), None)

    def note(self, entry: Entry, failure: Failure | None) -> None:
        """Note the newest answer for an entry; None where it was taken."""
        if failure:
            self.failures[entry] = failure
        else:
            del self.failures[entry]


def no_such_bus(bus: str, advice: str) -> UsageError:
    """The error for a bus that is not there, with what follows from that."""
    return UsageError(
        f"There is no event bus {bus} in this account and region; EventBridge would accept events for it and drop them. {advice}"
    )


class Sender:
    """Sends batches, and repeats what failed for a while. `calls` counts the calls made."""

    def __init__(self, client: Any, *, attempts: int, sleep: Callable[[float], None]) -> None:
        """`client` is boto3's for EventBridge; `attempts` calls are made for one entry; `sleep` waits for seconds."""
        self._client = client
        self.calls = 0
        self._retrying = Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            sleep=sleep,
            retry=retry_if_result(bool),
            retry_error_callback=lambda _: None,
        )

    def send(self, batch: Sequence[Entry]) -> Outcome:
        """Send a batch; only what failed is sent again, in its order, after a random wait that grows."""
        outcome = Outcome(batch, dict.fromkeys(batch, _UNASKED))
        self._retrying(self._ask, outcome)
        return outcome

    def _ask(self, outcome: Outcome) -> bool:
        """Make one call for what is pending; True where another may help."""
        asked = outcome.pending
        self.calls += 1
        for entry, failure in zip(asked, self._answers(asked), strict=True):
            outcome.note(entry, failure)
        return bool(outcome.pending)

    def _answers(self, entries: Sequence[Entry]) -> list[Failure | None]:
        try:
            answer = self._client.put_events(Entries=[entry.parameters for entry in entries])
        except Exception as e:
            fault = fault_of_call(e)
            if fault is None:
                raise
            return [Failure(fault, code_of(e) or "", said_of(e))] * len(entries)
        return [_failure(each) for each in answer["Entries"]]


def _failure(answer: dict[str, Any]) -> Failure | None:
    """None for an entry that was taken: it has an id then."""
    if answer.get("EventId"):
        return None
    code = str(answer.get("ErrorCode", "unknown"))
    return Failure(fault_of_entry(code), code, f"{code}: {answer.get('ErrorMessage', '')}".rstrip(": ."))
