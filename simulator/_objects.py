"""Arrivals are cut into raw objects: by arrival hour and by number, gzipped NDJSON."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from contracts.layout import raw_prefix
from simulator._chance import Chance
from simulator._outbox import Arrival
from simulator._timeline import HOUR, SECOND, moment

_GZIP: Final = 31
_LEVEL: Final = 1
_HOUR_SECONDS: Final = HOUR // SECOND


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """What must become of one injected record.

    `raw_record` counts from 0 within the object, after joined records are parted. `expected` is curated, duplicate or
    quarantined; `error_type` belongs to the last. `event_id` is None where the record cannot be read.
    """

    raw_object: str
    raw_record: int
    fault: str
    expected: str
    error_type: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class SimulatedObject:
    """One raw object: its path under the raw store, its bytes, how many records it holds, and those that were injected."""

    raw_object: str
    data: bytes
    records: int
    manifest: list[ManifestEntry]


@dataclass(frozen=True, slots=True)
class Mark:
    """An injected record, before it has a place."""

    fault: str
    expected: str
    error_type: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Injected:
    """A line to add, and the records it holds: one, or two joined ones."""

    line: bytes
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class BrokenObject:
    """An object of its own, as bytes, and all the records that will be found in it."""

    data: bytes
    marks: tuple[Mark, ...]


@dataclass(slots=True)
class OpenObject:
    """An object being filled, until its arrival hour ends. `good` are the events in it, in order."""

    at: int
    until: int = field(init=False)
    lines: list[bytes] = field(default_factory=list)
    records: int = 0
    good: list[Arrival] = field(default_factory=list)
    marks: list[tuple[int, Mark]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.until = (self.at // _HOUR_SECONDS + 1) * _HOUR_SECONDS

    def add(self, arrival: Arrival) -> None:
        """Add an event."""
        self.lines.append(arrival.line)
        self.good.append(arrival)
        self.records += 1

    def inject(self, injected: Injected) -> None:
        """Add a faulty line."""
        self.lines.append(injected.line)
        for mark in injected.marks:
            self.marks.append((self.records, mark))
            self.records += 1


class Injecting(Protocol):
    """What mixes faults in."""

    def after(self, arrival: Arrival, current: OpenObject) -> Iterator[Injected]:
        """Lines to add to the object after this event."""

    def beside(self, closed: OpenObject) -> Iterator[BrokenObject]:
        """Objects to land beside the one just closed."""


def cut(
    arrivals: Iterable[Arrival], *, bus: str, records_per_object: int, seed: int, injector: Injecting | None
) -> Iterator[SimulatedObject]:
    """Raw objects in the order of their arrival."""
    names = Chance(f"objects {seed}")
    current: OpenObject | None = None
    for arrival in arrivals:
        if current and (arrival.at >= current.until or current.records >= records_per_object):
            yield from _close(current, bus, names, injector)
            current = None
        current = current or OpenObject(arrival.at)
        current.add(arrival)
        if injector:
            for injected in injector.after(arrival, current):
                current.inject(injected)
    if current:
        yield from _close(current, bus, names, injector)


def gzipped(text: bytes) -> bytes:
    """One gzip member, the same bytes for the same text.

    By zlib: igzip is three times as fast, but now and then gives other bytes for the same text.
    """
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    member: bytes = squeeze.compress(text) + squeeze.flush()
    return member


def cut_short(text: bytes) -> bytes:
    """A gzip member that ends without its trailer, all of `text` still readable."""
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    member: bytes = squeeze.compress(text) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    return member


def _close(
    current: OpenObject, bus: str, names: Chance, injector: Injecting | None
) -> Iterator[SimulatedObject]:
    data = gzipped(b"\n".join((*current.lines, b"")))
    yield _named(current.at, bus, names, data, current.records, current.marks)
    for broken in injector.beside(current) if injector else ():
        yield _named(current.at, bus, names, broken.data, len(broken.marks), list(enumerate(broken.marks)))


def _named(
    at: int, bus: str, names: Chance, data: bytes, records: int, marks: list[tuple[int, Mark]]
) -> SimulatedObject:
    when = moment(at * SECOND)
    path = f"{raw_prefix(bus, when)}{bus}-1-{when:%Y-%m-%d-%H-%M-%S}-{names.uuid()}.json.gz"
    manifest = [ManifestEntry(path, n, m.fault, m.expected, m.error_type, m.event_id) for n, m in marks]
    return SimulatedObject(path, data, records, manifest)
