"""Raw objects → typed rows per event type, and a row for each rejected record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyarrow as pa

from contracts.declarations import Declarations
from contracts.json_text import repeated_key
from contracts.layout import arrival_hour
from contracts.subjects import ERASED
from contracts.validation import (
    MAX_RECORD_BYTES,
    Foreign,
    Reading,
    Rejection,
    Validator,
    duplicate_key,
)
from transforms.enrich import enrich
from transforms.foreign import ForeignReader
from transforms.lift import lift
from transforms.plausible import settle_times
from transforms.rejected import PLACE_BITS, REJECTED, Address, DecodedObject, outcome, rejected_rows
from transforms.unpack import Unpacked, unpack
from transforms.values import ValueReader


@dataclass(slots=True)
class Passed:
    """Records of one event version that passed the gate, as parallel lists."""

    lines: list[bytes] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    extras: dict[Address, str] = field(default_factory=dict)

    def keep(self, address: Address, line: bytes, payload_hash: int) -> None:
        """Add one record."""
        self.lines.append(line)
        self.addresses.append(address)
        self.hashes.append(payload_hash)

    def take(self, address: Address, line: bytes, reading: Reading) -> None:
        """Add one record by what the full verdict says of it."""
        self.keep(address, line, reading.payload_hash)
        if reading.extras is not None:
            self.extras[address] = reading.extras

    def drop_repeated_keys(self, event_type: str) -> dict[Address, Rejection]:
        """Take out the records in which a key stands twice."""
        keys = {n: repeated_key(line) for n, line in zip(self.addresses, self.lines, strict=True)}
        kept = [i for i, n in enumerate(self.addresses) if keys[n] is None]
        dropped = {n: duplicate_key(key, event_type, None) for n, key in keys.items() if key is not None}
        self.lines = [self.lines[i] for i in kept]
        self.hashes = [self.hashes[i] for i in kept]
        self.addresses = [self.addresses[i] for i in kept]
        return dropped


_Versions = dict[tuple[str, int], Passed]
"""By event type and version."""

_Line = tuple[Address, bytes]
"""A record, and where it stands."""

_Foreign = list[tuple[Address, bytes, Foreign]]
"""Records of other producers."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came of a batch: the records of its `objects` are the rows in `tables` and those in `rejected`.

    Tables name each row's object in `raw_object`, as a dictionary.
    """

    tables: dict[str, pa.Table]
    rejected: pa.Table
    objects: list[DecodedObject]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Names of the objects of a batch, their arrival hours, and their records."""

    names: list[str]
    hours: pa.Array
    unpacked: list[Unpacked]

    @classmethod
    def of(cls, objects: Sequence[tuple[str, bytes]]) -> _Batch:
        names = [name for name, _ in objects]
        hours = pa.array(map(arrival_hour, names), pa.timestamp("us"))
        return cls(names, hours, [unpack(data) for _, data in objects])

    def located(self, addresses: list[Address]) -> tuple[pa.DictionaryArray, pa.Array, pa.Array]:
        """Raw object, number in it, and arrival hour of each address."""
        found = np.array(addresses, np.int64)
        places = pa.array((found >> PLACE_BITS).astype(np.int32))
        numbers = pa.array(found & ((1 << PLACE_BITS) - 1))
        return pa.DictionaryArray.from_arrays(places, self.names), numbers, self.hours.take(places)


class Decoder:
    """Decodes raw objects by the contracts."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._validator = Validator(declarations)
        self._foreign = ForeignReader()
        self._reader = cache(self._value_reader)
        self._latest = {name: event.latest.version for name, event in declarations.events.items()}

    def decode(self, objects: Sequence[tuple[str, bytes]]) -> Decoded:
        """Decode a batch of raw objects: what is done once for a batch costs as much for a small object as for a large one.

        Args:
            objects: paths under the raw store, whose arrival hours bound the envelope times; and their bytes.
        """
        batch = _Batch.of(objects)
        passed: _Versions = defaultdict(Passed)
        rejections: dict[Address, Rejection] = {}
        erased: Counter[int] = Counter()
        self._read_foreign(self._gate(batch, passed, rejections, erased), passed, rejections)
        tables: dict[str, list[pa.Table]] = defaultdict(list)
        for (event_type, version), records in passed.items():
            if not records.lines:
                continue
            values = self._values(event_type, version, records, rejections)
            tables[event_type].append(self._rows(event_type, version, records, values, batch))
        rejected = [
            rejected_rows(place, rejections, batch.names[place], unpacked)
            for place, unpacked in enumerate(batch.unpacked)
        ]
        return Decoded(
            tables={name: pa.concat_tables(parts) for name, parts in tables.items()},
            rejected=pa.Table.from_pylist([row for rows in rejected for row in rows], schema=REJECTED),
            objects=[
                outcome(place, rejections, unpacked, erased[place])
                for place, unpacked in enumerate(batch.unpacked)
            ],
        )

    def _gate(
        self, batch: _Batch, passed: _Versions, rejections: dict[Address, Rejection], erased: Counter[int]
    ) -> _Foreign:
        """Put every record where its verdict says, and count the erased by object; returns those of other producers."""
        foreign: _Foreign = []
        for place, unpacked in enumerate(batch.unpacked):
            lines = enumerate(unpacked.records, start=place << PLACE_BITS)
            for address, line in self._gate_quickly(lines, passed):
                if line == ERASED:
                    erased[place] += 1
                    continue
                verdict = self._validator.read(line)
                if isinstance(verdict, Foreign):
                    foreign.append((address, line, verdict))
                else:
                    _file(verdict, address, line, passed, rejections)
        return foreign

    def _gate_quickly(self, lines: Iterable[_Line], passed: _Versions) -> list[_Line]:
        """Keep the records that the common verdict lets pass; returns those that need a closer look."""
        slow = []
        homes = {struct: passed[name, self._latest[name]] for struct, name in self._validator.types.items()}
        read, digest = self._validator.read_fast, self._validator.payload_hash
        for address, line in lines:
            try:
                record = read(line) if len(line) <= MAX_RECORD_BYTES else None
            except (ValueError, RecursionError):
                record = None
            if record is None:
                slow.append((address, line))
                continue
            homes[type(record)].keep(address, line, digest(record))
        return slow

    def _read_foreign(
        self, foreign: _Foreign, passed: _Versions, rejections: dict[Address, Rejection]
    ) -> None:
        """Make records of ours of those of other producers, mapping by mapping, and judge them as any."""
        groups: dict[tuple[str, ...], _Foreign] = defaultdict(list)
        for each in foreign:
            groups[tuple(accepted.place for accepted in each[2].accepted)].append(each)
        for group in groups.values():
            made = self._foreign.read(group[0][2].accepted, [line for _, line, _ in group])
            found = [(address, each) for (address, _, _), each in zip(group, made, strict=True)]
            rejections |= {address: each for address, each in found if isinstance(each, Rejection)}
            ours = [(address, each) for address, each in found if isinstance(each, bytes)]
            for address, line in self._gate_quickly(ours, passed):
                _file(self._validator.read_own(line), address, line, passed, rejections)

    def _values(
        self, event_type: str, version: int, passed: Passed, rejections: dict[Address, Rejection]
    ) -> pa.Table:
        reader = self._reader(event_type, version)
        try:
            return reader.read(passed.lines)
        except pa.ArrowInvalid:
            rejections.update(passed.drop_repeated_keys(event_type))
            return reader.read_slowly(passed.lines)

    def _rows(
        self, event_type: str, version: int, passed: Passed, values: pa.Table, batch: _Batch
    ) -> pa.Table:
        event = self._declarations.events[event_type]
        raw_object, raw_record, hours = batch.located(passed.addresses)
        table = enrich(settle_times(lift(values, event, version), hours), event.latest)
        extras = (
            pa.array([passed.extras.get(n) for n in passed.addresses], pa.string()) if passed.extras else None
        )
        table = table.append_column("extras", pa.nulls(len(table), pa.string()) if extras is None else extras)
        table = table.append_column("raw_object", raw_object).append_column("raw_record", raw_record)
        columns = [*_row_columns(self._declarations, event_type), "payload_hash"]
        return table.append_column("payload_hash", pa.array(passed.hashes, pa.int64())).select(columns)

    def _value_reader(self, event_type: str, version: int) -> ValueReader:
        event = self._declarations.events[event_type].version(version)
        if event is None:
            raise AssertionError(f"{event_type} v{version} passed the gate")
        return ValueReader(self._declarations.envelope, event)


def _file(
    verdict: Reading | Rejection,
    address: Address,
    line: bytes,
    passed: _Versions,
    rejections: dict[Address, Rejection],
) -> None:
    """Put one record where its verdict says."""
    if isinstance(verdict, Rejection):
        rejections[address] = verdict
    else:
        passed[verdict.event_type, verdict.version].take(address, line, verdict)


def _row_columns(declarations: Declarations, event_type: str) -> list[str]:
    """Columns of the curated table that decoding can fill."""
    by_run = {"run_id", "curated_at"}
    return [f.name for f in declarations.curated[event_type] if f.name not in by_run]
