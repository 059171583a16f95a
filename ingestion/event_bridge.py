"""The way in to EventBridge: events are sent to a bus, or kept in the outbox until it takes them."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.declarations import Declarations
from contracts.errors import LakeError, UsageError
from ingestion.envelopes import Event
from ingestion.outbox import Outbox, Unsent
from ingestion.publisher import Door, OnInvalid, Problem, Published, Taken, refuse, utc_now
from ingestion.put_events import (
    MOST_ENTRIES,
    Entry,
    Failure,
    Outcome,
    Sender,
    Unfit,
    batches,
    entry_of,
    names_of,
    no_such_bus,
)
from lakehouse._aws import bus_refusal, event_bus_client, has_bus, tries

__all__ = ["Drained", "EventBridgePublisher", "Sent", "drain", "event_bus_client"]

_BROKEN_OFF: Final = "The call that published it was broken off; it may have been sent."


@dataclass(frozen=True, slots=True)
class Sent(Published):
    """What one call sent.

    `published` events were accepted by the bus, `deferred` ones are in the outbox; together they are all. `invalid` of
    them do not fit their contracts or the bus. `calls` were made to EventBridge.
    """

    deferred: int
    calls: int


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain sent, what still waits in the outbox and what never can be sent, in how many calls.

    `problem` says why not all was sent, and is None where all was.
    """

    sent: int
    waiting: int
    undeliverable: int
    calls: int
    problem: str | None


class EventBridgePublisher:
    """Publishes events on one bus of EventBridge. One instance serves one thread."""

    def __init__(
        self,
        declarations: Declarations,
        client: Any,
        outbox: Outbox,
        *,
        bus: str,
        source: str = "lake",
        clock: Callable[[], dt.datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int | None = None,
    ) -> None:
        """Nothing is asked of AWS yet.

        Args:
            declarations: the contracts.
            client: boto3's for EventBridge, of `event_bus_client()`.
            outbox: where events go that the bus does not take.
            bus: its name or ARN.
            source: names the producing application where an event does not.
            clock: gives the time now, with zone.
            sleep: waits for so many seconds.
            attempts: calls made at most for one event, AWS_MAX_ATTEMPTS (6) without it.
        """
        self._door = Door(declarations, source=source, clock=clock)
        self._client = client
        self._outbox = outbox
        self._bus = bus
        self._sleep = sleep
        self._attempts = attempts or tries()
        self._is_checked = False

    def publish(self, events: Iterable[Event], *, on_invalid: OnInvalid = "refuse") -> Sent:
        """Send a batch; what the bus did not accept is in the outbox, on the disk, when this returns or raises.

        Accepted means that EventBridge has it, not that a rule matched it or a target got it.

        Args:
            events: as `Publisher.publish` takes them.
            on_invalid: `refuse` sends nothing unless every event fits its contract and the bus; `send` sends the invalid
                ones too, so that they end in quarantine. What no bus takes then stays in the outbox as undeliverable.

        Raises:
            InvalidEventError: on `refuse`, naming the first problems; nothing was sent or kept.
            StorageError: when AWS refuses for want of a permission; or when the outbox cannot be written: what was not
                accepted is then lost unless it is published again.
            UsageError: when the bus does not exist, or AWS refuses the call.
        """
        taken = self._door.take(events)
        read = [entry_of(record, self._bus) for record in taken.records]
        problems = _problems(taken, read)
        if on_invalid == "refuse":
            refuse(problems, len(read))
        published, calls = self._send(read, taken.received_at)
        return Sent(published, len(problems), len(read) - published, calls)

    def drain(self) -> Drained:
        """Send what waits in the outbox; see `drain`."""
        return drain(self._outbox, self._client, attempts=self._attempts, sleep=self._sleep)

    def _send(self, read: Sequence[Entry | Unfit], now: dt.datetime) -> tuple[int, int]:
        """How many were accepted, in how many calls. Whatever happens, the others are in the outbox afterwards."""
        sender = Sender(self._client, attempts=self._attempts, sleep=self._sleep)
        unsent = [_undeliverable(each) for each in read if isinstance(each, Unfit)]
        rest = deque(batches(each for each in read if isinstance(each, Entry)))
        published, reason = 0, _BROKEN_OFF
        refusal: tuple[Entry, Failure] | None = None
        try:
            self._check_bus()
            while rest:
                outcome = sender.send(rest[0])
                rest.popleft()
                published += len(outcome.accepted)
                unsent += _unsent(outcome).values()
                refusal = refusal or outcome.refusal
                if outcome.blocker:
                    reason = outcome.blocker.said
                    break
        finally:
            unsent += [Unsent(entry.record, reason) for batch in rest for entry in batch]
            self._outbox.keep(unsent, bus=self._bus, kept_at=now)
        if refusal:
            raise _refused(*refusal, self._outbox)
        return published, sender.calls

    def _check_bus(self) -> None:
        """Raise where the bus does not exist; asked until there is an answer."""
        if self._is_checked:
            return
        is_there = has_bus(self._client, self._bus)
        if is_there is False:
            raise _no_bus(self._bus, self._outbox)
        self._is_checked = is_there is not None


def drain(
    outbox: Outbox,
    client: Any,
    *,
    bus: str | None = None,
    attempts: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Drained:
    """Send what waits in the outbox, in order; an event leaves it once the bus accepted it.

    Killed anywhere, an event is sent at least once: perhaps again by the next drain, under the same `event_id`.

    Args:
        outbox: what to send.
        client: boto3's for EventBridge.
        bus: send to this one; without it, to the one that each event was published to.
        attempts: calls made at most for one event, AWS_MAX_ATTEMPTS (6) without it.
        sleep: waits for so many seconds.

    Returns:
        The counts; where the bus is busy or out of reach, with the problem.

    Raises:
        StorageError: when AWS refuses for want of a permission, or the outbox cannot be written.
        UsageError: when a bus does not exist, or AWS refuses the call.
    """
    missing = {each for each in ([bus] if bus else outbox.buses()) if has_bus(client, each) is False}
    sender = Sender(client, attempts=attempts or tries(), sleep=sleep)
    sent, problem = 0, None
    refusal: tuple[Entry, Failure] | None = None
    for outcome in _outcomes(outbox, sender, bus, missing):
        sent += len(outcome.accepted)
        problem = outcome.problem or problem
        refusal = refusal or outcome.refusal
    outbox.reclaim()
    if refusal:
        raise _refused(*refusal, outbox)
    if missing:
        raise _no_bus(min(missing), outbox)
    counts = outbox.counts()
    return Drained(sent, counts.waiting, counts.undeliverable, sender.calls, problem)


def _outcomes(outbox: Outbox, sender: Sender, bus: str | None, missing: set[str]) -> Iterator[Outcome]:
    """Send what waits for buses that are not missing, batch by batch, until nothing does or nothing of a batch is taken."""
    after = 0
    while page := outbox.waiting(after=after, most=MOST_ENTRIES):
        after = page[-1].offset
        waiting = ((each, bus or each.bus) for each in page)
        read = [entry_of(each.record, to, offset=each.offset) for each, to in waiting if to not in missing]
        outbox.settle([], {each.offset: _undeliverable(each) for each in read if isinstance(each, Unfit)})
        for batch in batches(each for each in read if isinstance(each, Entry)):
            outcome = sender.send(batch)
            failed = {entry.offset: each for entry, each in _unsent(outcome).items()}
            outbox.settle([entry.offset for entry in outcome.accepted], failed)
            yield outcome
            if outcome.blocker:
                return


def _problems(taken: Taken, read: Sequence[Entry | Unfit]) -> list[Problem]:
    """What is wrong with each event of a batch: for its contract, or for any bus."""
    of_contract = {each.number: each for each in taken.problems}
    of_bus = {i: Problem(i, _named(each)) for i, each in enumerate(read) if isinstance(each, Unfit)}
    return [problem for _, problem in sorted({**of_contract, **of_bus}.items())]


def _named(unfit: Unfit) -> str:
    event_type, event_id = names_of(unfit.record)
    return f"{event_type} {event_id}: {unfit.reason}" if event_type else unfit.reason


def _undeliverable(unfit: Unfit) -> Unsent:
    return Unsent(unfit.record, unfit.reason, is_deliverable=False)


def _unsent(outcome: Outcome) -> dict[Entry, Unsent]:
    """Why the entries of a batch were not taken, in order."""
    failed = ((entry, outcome.failures.get(entry)) for entry in outcome.batch)
    return {
        entry: Unsent(entry.record, failure.said, is_deliverable=failure.fault != "unfit")
        for entry, failure in failed
        if failure
    }


def _no_bus(bus: str, outbox: Outbox) -> UsageError:
    advice = "Make the bus, or name another: lake outbox drain --bus NAME."
    return no_such_bus(bus, f"{_where(outbox)} {advice}")


def _refused(entry: Entry, failure: Failure, outbox: Outbox) -> LakeError:
    return bus_refusal(entry.parameters["EventBusName"], failure.code, failure.said, _where(outbox))


def _where(outbox: Outbox) -> str:
    return f"What it did not accept is in {outbox.path}; send it later with `lake outbox drain`."
