"""What an engine runs for curate, in whichever process: decoding objects, writing Parquet, fetching records.

Plain data in, plain data out; rows pass through staged files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_hexdigest

from contracts.declarations import load_declarations
from contracts.pseudonym_keys import KeysInForce
from contracts.subjects import Erased
from lakehouse.datafiles import PartitionedWriter, Target, WrittenFile
from lakehouse.failpoints import reach
from lakehouse.scratch import Segment, load_segment, stage_tables
from transforms.decode import Decoded, Decoder
from transforms.erased import Left, without_erased, without_erased_rejects
from transforms.personal import has_personal, part_personal
from transforms.unpack import unpack

_REJECTED: Final = "(rejected)"
_PERSONAL: Final = "(personal)"
_BRIDGED: Final = "(bridged)"


@dataclass(frozen=True, slots=True)
class StagedObject:
    """How many records of a raw object are among the staged rows, and what was wrong with it."""

    raw_object: str
    object_bytes: int
    records: int
    passed: int
    rejected: int
    unread_bytes: int
    problem: str | None
    erased: int = 0


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """Raw objects that were decoded together into one staged file.

    `passed`: rows per event type. `rejected`: records that are none. `personal`: clear values of the rows. `bridged`: pairs of pseudonyms.
    """

    objects: tuple[StagedObject, ...]
    passed: dict[str, Segment]
    rejected: Segment | None
    personal: Segment | None = None
    bridged: Segment | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a staged segment that go into a table, with columns that are the same in all of them.

    `dropped`: numbers of records that do not go, by raw object.
    """

    segment: Segment
    dropped: dict[str, frozenset[int]] = field(default_factory=dict)
    constants: dict[str, pa.Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteJob:
    """Parts that become Parquet files of one table, one a partition, named `name`."""

    target: Target
    name: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class DecodeObjects:
    """Decodes raw objects into staged files of `folder`, less the records of the erased."""

    contracts: Path
    folder: str
    keys: KeysInForce
    erased: Erased | None = None

    def __call__(self, objects: list[tuple[str, bytes]]) -> StagedBatch:
        """Decode a batch. The staged file's name follows from the first object's, so that a second attempt overwrites the first."""
        decoded, left = self._without_erased(_decoder(self.contracts).decode(objects))
        reach("curate.decoding")
        tables = {**self._without_clear_values(decoded.tables), _REJECTED: decoded.rejected}
        stage = f"{self.folder}/{xxh3_128_hexdigest(objects[0][0].encode())}.arrows"
        segments = stage_tables({name: t for name, t in tables.items() if len(t)}, stage)
        others = [segments.pop(name, None) for name in (_REJECTED, _PERSONAL, _BRIDGED)]
        return StagedBatch(_staged(objects, decoded, left), segments, *others)

    def _without_erased(self, decoded: Decoded) -> tuple[Decoded, Left]:
        left: Left = Counter()
        if self.erased is None:
            return decoded, left
        rejected, found = without_erased_rejects(decoded.rejected, self.erased)
        left.update(found)
        tables = {}
        for name, table in decoded.tables.items():
            tables[name], found = without_erased(table, self.erased)
            left.update(found)
        return Decoded(tables, rejected, decoded.objects), left

    def _without_clear_values(self, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """The tables with pseudonyms, and the values apart."""
        events = load_declarations(self.contracts).events
        parted = {
            name: part_personal(table, name, events[name].latest.fields, self.keys)
            for name, table in tables.items()
            if has_personal(events[name].latest.fields)
        }
        apart = {
            _PERSONAL: [each.personal for each in parted.values() if len(each.personal)],
            _BRIDGED: [each.bridged for each in parted.values() if len(each.bridged)],
        }
        found = {name: pa.concat_tables(parts).unify_dictionaries() for name, parts in apart.items() if parts}
        return {**tables, **{name: each.table for name, each in parted.items()}, **found}


def _staged(objects: list[tuple[str, bytes]], decoded: Decoded, left: Left) -> tuple[StagedObject, ...]:
    """What became of each object, with its rows counted in the tables; `left` are the records of the erased, by object."""
    passed: Counter[str] = Counter()
    for table in decoded.tables.values():
        passed.update(_count(table["raw_object"]))
    rejected = _count(decoded.rejected["raw_object"])
    return tuple(
        StagedObject(
            raw_object=name,
            object_bytes=len(data),
            records=found.records,
            passed=passed[name],
            rejected=rejected.get(name, 0),
            unread_bytes=found.unread_bytes,
            problem=found.problem,
            erased=found.erased + left[name],
        )
        for (name, data), found in zip(objects, decoded.objects, strict=True)
    )


def _count(names: pa.ChunkedArray) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(names).to_pylist()}


@cache
def _decoder(contracts: Path) -> Decoder:
    return Decoder(load_declarations(contracts))


def write_parts(job: WriteJob) -> list[WrittenFile]:
    """Write staged rows into Parquet files of a table, one a partition."""
    writer = PartitionedWriter(job.target, job.name)
    reach("curate.writing")
    for part in job.parts:
        rows = rows_of_part(part)
        if len(rows):
            writer.write(rows)
    return writer.close()


def rows_of_part(part: Part) -> pa.Table:
    """The rows of a part that go into its table."""
    table = load_segment(part.segment)
    for raw_object, numbers in part.dropped.items():
        is_dropped = pc.and_(
            pc.equal(table["raw_object"], raw_object),
            pc.is_in(table["raw_record"], pa.array(sorted(numbers), pa.int64())),
        )
        table = table.filter(pc.invert(is_dropped))
    for name, value in part.constants.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    return table


@dataclass(frozen=True, slots=True)
class FetchRecords:
    """Fetches the original bytes of some records, by object and number."""

    wanted: dict[str, list[int]]

    def __call__(self, objects: list[tuple[str, bytes]]) -> dict[tuple[str, int], bytes]:
        """The wanted records of a batch."""
        found: dict[tuple[str, int], bytes] = {}
        for raw_object, data in objects:
            records = unpack(data).records
            found |= {(raw_object, number): records[number] for number in _distinct(self.wanted[raw_object])}
        return found


def _distinct(numbers: Iterable[int]) -> list[int]:
    return sorted(set(numbers))
