"""Scratch: files of a run's own through which rows pass between processes, on this machine or, for executors elsewhere, on S3."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

_REMOTE: Final = "s3://"


@dataclass(frozen=True, slots=True)
class Segment:
    """A table inside a staged file: an Arrow IPC stream at an offset."""

    path: str
    offset: int
    length: int
    rows: int


def stage_tables(tables: dict[str, pa.Table], path: str) -> dict[str, Segment]:
    """Write tables into one staged file, by path or URL. The same file may be written again.

    Raises:
        StorageError: when the store fails.
    """
    segments = {}
    with _written(path) as local, pa.OSFile(str(local), "wb") as file:
        for name, table in tables.items():
            start = file.tell()
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
            segments[name] = Segment(path, start, file.tell() - start, len(table))
    return segments


def stage_parquet(rows: pa.Table, path: str) -> str:
    """Write rows into a Parquet file for queries to join; returns its path or URL.

    Raises:
        StorageError: when the store fails.
    """
    with _written(path) as local:
        pq.write_table(rows, local)
    return path


def load_segment(segment: Segment) -> pa.Table:
    """The table of a segment, mapped rather than read where it is on this machine.

    Raises:
        StorageError: when the store fails.
    """
    if not segment.path.startswith(_REMOTE):
        mapped = pa.memory_map(segment.path)
        mapped.seek(segment.offset)
        return pa.ipc.open_stream(mapped.read_buffer(segment.length)).read_all()
    from lakehouse._s3 import open_file  # noqa: PLC0415 the embedded road knows no S3

    with open_file(segment.path) as file:
        return pa.ipc.open_stream(file.read_at(segment.length, segment.offset)).read_all()


@contextmanager
def scratch_folder(folder: str) -> Iterator[str]:
    """An empty folder for staged files, gone afterwards; what is left of one that was killed goes first.

    Raises:
        StorageError: when the store fails.
    """
    delete_scratch(folder)
    if not folder.startswith(_REMOTE):
        Path(folder).mkdir(parents=True)
    try:
        yield folder
    finally:
        delete_scratch(folder)


def delete_scratch(folder: str) -> None:
    """Delete a run's staged files.

    Raises:
        StorageError: when the store fails.
    """
    if not folder.startswith(_REMOTE):
        shutil.rmtree(folder, ignore_errors=True)
        return
    from lakehouse._s3 import Prefix  # noqa: PLC0415 the embedded road knows no S3

    place = Prefix.of(folder)
    place.delete(name for name, _ in place.listed())


@contextmanager
def _written(path: str) -> Iterator[Path]:
    if not path.startswith(_REMOTE):
        yield Path(path)
        return
    from lakehouse._s3 import upload  # noqa: PLC0415 the embedded road knows no S3

    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "staged"
        yield local
        upload(local, path)
