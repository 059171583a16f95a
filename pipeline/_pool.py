"""Work that runs in other processes: decoding objects, writing Parquet. Plain data in, plain data out, through files."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.declarations import load_declarations
from lakehouse.datafiles import PartitionedWriter, Target, WrittenFile
from lakehouse.store import FileStore
from transforms.decode import Decoder
from transforms.unpack import unpack

REJECTED_SEGMENT: Final = "(rejected)"
PROCESSES: Final = 2
WORTH_A_POOL: Final = 24 * 1024 * 1024
"""Bytes of raw below which starting processes costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A table inside a staged file: an Arrow IPC stream at an offset."""

    path: str
    offset: int
    length: int
    rows: int


@dataclass(frozen=True, slots=True)
class StagedObject:
    """One decoded raw object: its rows per event type in one staged file."""

    raw_object: str
    object_bytes: int
    records: int
    unread_bytes: int
    problem: str | None
    segments: dict[str, Segment]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a staged segment that go into a table, with columns that are the same in all of them."""

    segment: Segment
    dropped: frozenset[int] = frozenset()
    constants: dict[str, pa.Scalar] = field(default_factory=dict)


@contextmanager
def executor(raw_bytes: int) -> Iterator[Executor]:
    """A pool for much work, this very process for little."""
    if raw_bytes < WORTH_A_POOL:
        yield _Inline()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline._pool"])
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_start_worker) as pool:
        yield pool


class _Inline(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:  # noqa: BLE001 the future carries it to the caller
            future.set_exception(e)
        return future


def _start_worker() -> None:
    """Decoded records are many and hold no cycles; the cyclic collector would make decoding several times slower.

    What little garbage there is goes between jobs.
    """
    gc.disable()
    gc.freeze()


def _tidy() -> None:
    gc.collect()
    pa.default_memory_pool().release_unused()


@cache
def _decoder(contracts: Path) -> Decoder:
    return Decoder(load_declarations(contracts))


def decode_object(contracts: Path, raw_root: Path, raw_object: str, stage: str) -> StagedObject:
    """Decode one raw object into a staged file."""
    data = FileStore(raw_root).read(raw_object)
    decoded = _decoder(contracts).decode(raw_object, data)
    tables = {**decoded.tables, REJECTED_SEGMENT: decoded.rejected}
    segments = stage_tables({name: t for name, t in tables.items() if len(t)}, stage)
    _tidy()
    return StagedObject(
        raw_object, len(data), decoded.records, decoded.unread_bytes, decoded.problem, segments
    )


def stage_tables(tables: dict[str, pa.Table], path: str) -> dict[str, Segment]:
    """Write tables into one staged file."""
    segments = {}
    with pa.OSFile(path, "wb") as file:
        for name, table in tables.items():
            start = file.tell()
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
            segments[name] = Segment(path, start, file.tell() - start, len(table))
    return segments


def load_segment(segment: Segment) -> pa.Table:
    """The table of a segment, mapped rather than read."""
    mapped = pa.memory_map(segment.path)
    mapped.seek(segment.offset)
    return pa.ipc.open_stream(mapped.read_buffer(segment.length)).read_all()


def write_parts(target: Target, name: str, parts: list[Part]) -> list[WrittenFile]:
    """Write staged rows into Parquet files of a table, one a partition."""
    writer = PartitionedWriter(target, name)
    for part in parts:
        rows = _rows(part)
        if len(rows):
            writer.write(rows)
    files = writer.close()
    _tidy()
    return files


def _rows(part: Part) -> pa.Table:
    table = load_segment(part.segment)
    if part.dropped:
        table = table.filter(
            pc.invert(pc.is_in(table["raw_record"], pa.array(sorted(part.dropped), pa.int64())))
        )
    for name, value in part.constants.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    return table


def fetch_records(raw_root: Path, raw_object: str, numbers: list[int]) -> list[bytes]:
    """The original bytes of some records of an object."""
    records = unpack(FileStore(raw_root).read(raw_object)).records
    return [records[n] for n in numbers]
