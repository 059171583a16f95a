"""What an engine runs for curate, in whichever process: decoding objects, settling ids, writing Parquet.

Plain data in, plain data out; rows pass through staged files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_hexdigest

from contracts.declarations import load_declarations
from lakehouse.datafiles import EPOCH, PartitionedWriter, Target, WrittenFile
from lakehouse.duck import open_duckdb
from lakehouse.failpoints import reach
from lakehouse.scratch import Segment, load_segment, stage_tables
from transforms.decode import Decoder
from transforms.deduplicate import IDS, Deduplication, deduplicate
from transforms.unpack import unpack

_REJECTED: Final = "(rejected)"


@dataclass(frozen=True, slots=True)
class StagedObject:
    """One decoded raw object, in one staged file: its rows per event type, and its rejected records."""

    raw_object: str
    object_bytes: int
    records: int
    unread_bytes: int
    problem: str | None
    passed: dict[str, Segment]
    rejected: Segment | None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a staged segment that go into a table, with columns that are the same in all of them."""

    segment: Segment
    dropped: frozenset[int] = frozenset()
    constants: dict[str, pa.Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteJob:
    """Parts that become Parquet files of one table, one a partition, named `name`."""

    target: Target
    name: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class DecodeObjects:
    """Decodes raw objects into staged files of `folder`."""

    contracts: Path
    folder: str

    def __call__(self, raw_object: str, data: bytes) -> StagedObject:
        """Decode one object. The staged file's name follows from the object's, so that a second attempt overwrites the first."""
        decoded = _decoder(self.contracts).decode(raw_object, data)
        reach("curate.decoding")
        tables = {**decoded.tables, _REJECTED: decoded.rejected}
        stage = f"{self.folder}/{xxh3_128_hexdigest(raw_object.encode())}.arrows"
        segments = stage_tables({name: t for name, t in tables.items() if len(t)}, stage)
        rejected = segments.pop(_REJECTED, None)
        return StagedObject(
            raw_object, len(data), decoded.records, decoded.unread_bytes, decoded.problem, segments, rejected
        )


@cache
def _decoder(contracts: Path) -> Decoder:
    return Decoder(load_declarations(contracts))


def read_ids(staged: StagedObject) -> pa.Table:
    """Ids of the records of an object that passed the gate, of which there are some (IDS, repeated texts as dictionaries)."""
    parts = [
        _ids(load_segment(segment), staged.raw_object, event_type)
        for event_type, segment in staged.passed.items()
    ]
    return pa.concat_tables(parts)


def _ids(table: pa.Table, raw_object: str, event_type: str) -> pa.Table:
    rows = len(table)
    columns = {
        "event_id": table["event_id"],
        "payload_hash": table["payload_hash"],
        "event_type": _repeated(event_type, rows),
        "occurred_date": table["occurred_at"].cast(pa.date32()),
        "ingested_at": table["ingested_at"],
        "raw_object": _repeated(raw_object, rows),
        "raw_record": table["raw_record"],
    }
    return pa.table(columns)


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([text]))


@dataclass(frozen=True, slots=True)
class SettledLot:
    """What deduplication decided for the events of one lot; the rows to index wait in a staged file."""

    dropped: pa.Table
    displaced: pa.Table
    indexed: Segment


@dataclass(frozen=True, slots=True)
class SettleIds:
    """Settles lots of ids against each other and against the index.

    `index` are the index's files by day (from 1970-01-01), `horizon` how many days around its own a lot looks into.
    """

    index: list[tuple[int | None, str]]
    horizon: int
    folder: str

    def __call__(self, number: int, found: pa.Table) -> SettledLot:
        """Settle one lot."""
        with open_duckdb(self.index[0][1] if self.index else "") as connection:
            outcome = deduplicate(connection, found, self._known(connection, found))
        return self._staged(number, outcome)

    def _known(self, connection: duckdb.DuckDBPyConnection, found: pa.Table) -> pa.Table:
        """Index rows of the days that the lot's records are in, and of the horizon around them."""
        days = {(day.as_py() - EPOCH).days for day in pc.unique(found["occurred_date"])}
        near = {day + shift for day in days for shift in range(-self.horizon, self.horizon + 1)}
        files = [path for day, path in self.index if day in near]
        if not files:
            return IDS.empty_table()
        connection.register("ids", found.select(["event_id"]))
        columns = ", ".join(IDS.names)
        relation = connection.sql(
            f"select {columns} from read_parquet({files!r}, hive_partitioning = false) semi join ids using (event_id)"
        )
        return relation.to_arrow_table()

    def _staged(self, number: int, outcome: Deduplication) -> SettledLot:
        path = f"{self.folder}/settled-{number:06d}.arrows"
        segments = stage_tables({"ids": outcome.indexed}, path)
        return SettledLot(outcome.dropped, outcome.displaced, segments["ids"])


def write_parts(job: WriteJob) -> list[WrittenFile]:
    """Write staged rows into Parquet files of a table, one a partition."""
    writer = PartitionedWriter(job.target, job.name)
    reach("curate.writing")
    for part in job.parts:
        rows = _rows(part)
        if len(rows):
            writer.write(rows)
    return writer.close()


def _rows(part: Part) -> pa.Table:
    table = load_segment(part.segment)
    if part.dropped:
        table = table.filter(
            pc.invert(pc.is_in(table["raw_record"], pa.array(sorted(part.dropped), pa.int64())))
        )
    for name, value in part.constants.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    return table


@dataclass(frozen=True, slots=True)
class FetchRecords:
    """Fetches the original bytes of some records, by object and number."""

    wanted: dict[str, list[int]]

    def __call__(self, raw_object: str, data: bytes) -> dict[tuple[str, int], bytes]:
        """The wanted records of one object."""
        records = unpack(data).records
        return {(raw_object, number): records[number] for number in _distinct(self.wanted[raw_object])}


def _distinct(numbers: Iterable[int]) -> list[int]:
    return sorted(set(numbers))
