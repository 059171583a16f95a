"""Redrive: failed deliveries are brought back through the front door, each record once."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Protocol

from contracts.errors import LakeError, UsageError
from contracts.layout import DEFAULT_BUS
from ingestion.dead_letters import Found, Left, Letter, arrival_of, letters_in
from ingestion.event_log import EventLog, Returned
from ingestion.publisher import utc_now
from ingestion.put_events import Entry, Failure, Outcome, Sender, Unfit, batches, entry_of, no_such_bus
from lakehouse._aws import bus_refusal, has_bus, tries
from lakehouse.failpoints import reach
from lakehouse.store import FileStore, Store

LETTERS_AT_ONCE: Final = 100
"""Letters of a batch: one transaction, at most about as many MiB."""
MOST_NAMED: Final = 100
"""How many things that were left a report names."""

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What became of a batch: records redriven now and before, those no bus takes, ever, and those it did not take yet."""

    redriven: list[Returned]
    before: int
    unfit: list[Left] = field(default_factory=list)
    waiting: list[Returned] = field(default_factory=list)
    problem: str | None = None


class Way(Protocol):
    """A way back."""

    def take(self, returned: Sequence[Returned]) -> BroughtBack:
        """Bring records back that were not brought back before; what is redriven is noted when this returns or raises.

        Raises:
            StorageError: when the event log cannot be written, or AWS refuses for want of a permission.
            UsageError: when AWS refuses the call.
        """


@dataclass(slots=True)
class Report:
    """What was found and what became of it.

    `found` records = `redriven` + `already_redriven` + `undeliverable` + `waiting`. `unreadable` counts lines and messages that
    hold no record; they and the undeliverable stay where they are, and the first of them are in `left`. `errors` counts records by
    AWS's word for why they were not delivered.
    """

    found: int = 0
    redriven: int = 0
    already_redriven: int = 0
    undeliverable: int = 0
    waiting: int = 0
    unreadable: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    problem: str | None = None

    def read(self, found: Iterable[Found]) -> list[Letter]:
        """Count what was read; returns the letters of it."""
        letters = []
        for each in found:
            if isinstance(each, Left):
                self.unreadable += 1
                self._leave([each])
            else:
                letters.append(each)
                self.errors[each.error] += len(each.records)
        return letters

    def add(self, brought: BroughtBack) -> None:
        """Count what became of a batch."""
        self.found += len(brought.redriven) + brought.before + len(brought.unfit) + len(brought.waiting)
        self.redriven += len(brought.redriven)
        self.already_redriven += brought.before
        self.undeliverable += len(brought.unfit)
        self.waiting += len(brought.waiting)
        self.problem = brought.problem or self.problem
        self._leave(brought.unfit)

    def _leave(self, left: Sequence[Left]) -> None:
        self.left += left[: MOST_NAMED - len(self.left)]


class IntoLog:
    """The way through the event log: a record is in it exactly once, whenever this is killed."""

    def __init__(self, log: EventLog, *, bus: str = DEFAULT_BUS, clock: Clock = utc_now) -> None:
        """`bus` is the part of raw that the records land in."""
        self._log = log
        self._bus = bus
        self._clock = clock

    def take(self, returned: Sequence[Returned]) -> BroughtBack:
        """See `Way`."""
        new = self._log.redrive(returned, bus=self._bus, now=self._clock())
        reach("redrive.put")
        return BroughtBack(new, len(returned) - len(new))


class OntoBus:
    """The way over EventBridge: noted once accepted, so what was killed in between is sent again, under the same `event_id`."""

    def __init__(
        self,
        log: EventLog,
        client: Any,
        bus: str,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int | None = None,
    ) -> None:
        """`client` is boto3's for EventBridge, `bus` a name or an ARN; `attempts` calls are made at most for one event.

        Raises:
            UsageError: when there is no such bus, for which EventBridge would accept events and drop them.
        """
        if has_bus(client, bus) is False:
            raise no_such_bus(bus, "Nothing was redriven. Make the bus, or name another.")
        self._log = log
        self._bus = bus
        self._clock = clock
        self._sender = Sender(client, attempts=attempts or tries(), sleep=sleep)

    def take(self, returned: Sequence[Returned]) -> BroughtBack:
        """See `Way`."""
        new = self._log.never_redriven(returned)
        read = [entry_of(each.record, self._bus, offset=i) for i, each in enumerate(new)]
        unfit = [Left(new[each.offset].place, each.reason) for each in read if isinstance(each, Unfit)]
        outcomes = list(self._outcomes([each for each in read if isinstance(each, Entry)], new))
        unfit += [Left(new[entry.offset].place, why.said) for entry, why in _failures(outcomes, "unfit")]
        for entry, why in _failures(outcomes, "refused"):
            raise self._refused(entry, why)
        sent = [new[entry.offset] for outcome in outcomes for entry in outcome.accepted]
        settled = {each.place for each in sent} | {each.place for each in unfit}
        waiting = [each for each in new if each.place not in settled]
        problem = next((each.problem for each in outcomes if each.problem), None)
        return BroughtBack(sent, len(returned) - len(new), unfit, waiting, problem)

    def _outcomes(self, entries: Sequence[Entry], new: Sequence[Returned]) -> Iterator[Outcome]:
        """Send batch by batch, noting what is accepted, until nothing of a batch is."""
        for batch in batches(entries):
            outcome = self._sender.send(batch)
            reach("redrive.sent")
            self._log.note_redriven([new[entry.offset] for entry in outcome.accepted], now=self._clock())
            yield outcome
            if outcome.blocker:
                return

    def _refused(self, entry: Entry, failure: Failure) -> LakeError:
        where = "What it did not accept is where it was; redrive it once that is mended."
        return bus_refusal(entry.parameters["EventBusName"], failure.code, failure.said, where)


class Nowhere:
    """No way: says what would be redriven, and changes nothing."""

    def __init__(self, log: EventLog) -> None:
        """`log` knows what was redriven."""
        self._log = log

    def take(self, returned: Sequence[Returned]) -> BroughtBack:
        """See `Way`."""
        new = self._log.never_redriven(returned)
        return BroughtBack([], len(returned) - len(new), waiting=new)


def redrive_errors(stores: Iterable[Store], way: Way, *, clock: Clock = utc_now) -> Report:
    """Redrive the objects under error prefixes; they stay as they are.

    Where the way is blocked, the rest is not read: `problem` says why, and another redrive goes on there.

    Args:
        stores: of `store_at`.
        way: the way back.
        clock: gives the time now, with zone.

    Raises:
        LakeError: as `Way.take`; or StorageError when an object cannot be read. What came before is redriven and noted.
    """
    report = Report()
    found = chain.from_iterable(map(_letters_of, stores))
    while batch := list(islice(found, LETTERS_AT_ONCE)):
        letters = report.read(batch)
        reach("redrive.read")
        report.add(way.take(returned(letters, clock())))
        if report.problem:
            break
    return report


def store_at(address: str) -> Store:
    """The store of a folder, or of a prefix `s3://bucket/prefix`.

    Raises:
        UsageError: when the folder is not there.
    """
    if address.startswith("s3://"):
        from lakehouse._s3 import Prefix, S3Store  # noqa: PLC0415 the embedded road knows no cloud

        return S3Store(Prefix.of(address))
    folder = Path(address).resolve()
    if not folder.is_dir():
        raise UsageError(f"{address} is no folder. Name a folder, or a prefix such as s3://bucket/errors/.")
    return FileStore(folder)


def returned(letters: Iterable[Letter], now: dt.datetime) -> list[Returned]:
    """The records of letters, as they go back; what says no time, or one to come, arrived `now`."""
    return [
        Returned(f"{letter.place}.{i}", record, min(letter.arrived_at or arrival_of(record) or now, now))
        for letter in letters
        for i, record in enumerate(letter.records)
    ]


def _letters_of(store: Store) -> Iterator[Found]:
    for name in sorted(store.names()):
        yield from letters_in(f"{store.location}/{name}", store.read(name))


def _failures(outcomes: Iterable[Outcome], fault: str) -> Iterator[tuple[Entry, Failure]]:
    failures = chain.from_iterable(outcome.failures.items() for outcome in outcomes)
    return ((entry, failure) for entry, failure in failures if failure.fault == fault)
