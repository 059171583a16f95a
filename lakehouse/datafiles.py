"""Parquet files of Iceberg tables: written a partition at a time, described for a commit.

The statistics functions are pyiceberg's own (`pyiceberg.io.pyarrow`); a test pins what is used of them.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

REMOTE: Final = "s3://"
ROW_GROUP: Final = 131_072
EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how a table's files are written; small enough to send to another process.

    `location` is the table's folder: a path or an s3:// URL.
    """

    location: str
    schema: pa.Schema  # with Iceberg's field ids
    partition: str | None
    partition_field: str | None
    run_id: str
    plain_columns: tuple[
        str, ...
    ] = ()  # columns whose values hardly repeat; a dictionary would cost and not pay


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished Parquet file, before Iceberg knows it. `path` is a path or an s3:// URL; `day` counts from 1970-01-01."""

    path: str
    day: int | None
    size: int
    metadata: pq.FileMetaData


class PartitionedWriter:
    """Writes rows in any order into one file per partition; memory is one row group per open partition."""

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self._name = name
        self._parts: dict[int | None, _Part] = {}

    def write(self, table: pa.Table) -> None:
        """Add rows; they are put in the target's schema, and columns that they lack are null."""
        table = fit(table, self._target.schema)
        for day, rows in self._by_day(table):
            if day not in self._parts:
                self._parts[day] = _Part(self._target, self._path(day))
            self._parts[day].add(rows)

    def close(self) -> list[WrittenFile]:
        """Finish every file."""
        return [part.close(day) for day, part in self._parts.items()]

    def _by_day(self, table: pa.Table) -> Iterator[tuple[int | None, pa.Table]]:
        if self._target.partition is None:
            yield None, table
            return
        days = table[self._target.partition].cast(pa.date32())
        distinct = pc.unique(days)
        for day in distinct:
            rows = table if len(distinct) == 1 else table.filter(pc.equal(days, day))
            yield (day.as_py() - EPOCH).days, rows

    def _path(self, day: int | None) -> str:
        folder = f"{self._target.location}/data"
        if day is not None:
            folder += f"/{self._target.partition_field}={EPOCH + dt.timedelta(days=day)}"
        return f"{folder}/{self._target.run_id}-{self._name}.parquet"


class _Part:
    """One file. On S3 it is written here first and uploaded whole, so that there is never a part of it."""

    def __init__(self, target: Target, path: str) -> None:
        dictionaries = [name for name in target.schema.names if name not in target.plain_columns]
        self._path = path
        self._scratch = tempfile.NamedTemporaryFile() if path.startswith(REMOTE) else None  # noqa: SIM115 until close
        self._here = Path(self._scratch.name if self._scratch else path)
        self._here.parent.mkdir(parents=True, exist_ok=True)
        self._collected: list[pq.FileMetaData] = []
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(
            self._here, target.schema, compression="zstd", compression_level=1, use_dictionary=dictionaries,
            store_schema=False, metadata_collector=self._collected,
        )  # fmt: skip

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        if sum(len(t) for t in self._waiting) >= ROW_GROUP:
            self._flush()

    def close(self, day: int | None) -> WrittenFile:
        self._flush()
        self._writer.close()
        size = self._here.stat().st_size
        if self._scratch is not None:
            from lakehouse._s3 import upload  # noqa: PLC0415 the embedded road knows no S3

            upload(self._here, self._path)
            self._scratch.close()
        return WrittenFile(self._path, day, size, self._collected[0])

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP)
            self._waiting = []


def fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in exactly this schema; columns that are missing are null."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.schema.names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def target_of(table: Any, run_id: str, *, plain_columns: Iterable[str] = ()) -> Target:
    """The target for files of an Iceberg table (a pyiceberg `Table`)."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow  # noqa: PLC0415 workers never load pyiceberg

    fields = table.spec().fields
    return Target(
        location=table.location().removeprefix("file://"),
        schema=_narrow_schema(schema_to_pyarrow(table.schema())),
        partition=table.schema().find_column_name(fields[0].source_id) if fields else None,
        partition_field=fields[0].name if fields else None,
        run_id=run_id,
        plain_columns=tuple(plain_columns),
    )


def describe(table: Any, files: Iterable[WrittenFile]) -> list[Any]:
    """Iceberg's `DataFile` entries for finished files of a table."""
    from pyiceberg.io.pyarrow import (  # noqa: PLC0415 workers never load pyiceberg
        compute_statistics_plan,
        data_file_statistics_from_parquet_metadata,
        parquet_path_to_id_mapping,
    )
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat  # noqa: PLC0415 as above
    from pyiceberg.typedef import Record  # noqa: PLC0415 as above

    plan = compute_statistics_plan(table.schema(), table.metadata.properties)
    mapping = parquet_path_to_id_mapping(table.schema())
    entries = []
    for file in files:
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=file.metadata, stats_columns=plan, parquet_column_mapping=mapping
        )
        entries.append(
            DataFile.from_args(
                content=DataFileContent.DATA,
                file_path=file.path if file.path.startswith(REMOTE) else f"file://{file.path}",
                file_format=FileFormat.PARQUET,
                partition=Record() if file.day is None else Record(file.day),
                file_size_in_bytes=file.size,
                sort_order_id=None,
                spec_id=table.spec().spec_id,
                equality_ids=None,
                key_metadata=None,
                **statistics.to_serialized_dict(),
            )
        )
    return entries


def partition_day(file: Any) -> int | None:
    """The partition of a `DataFile` as days from 1970-01-01, or None."""
    if len(file.partition) == 0:
        return None
    value = file.partition[0]  # Iceberg keeps both a date and a day transform as such a number
    return (value - EPOCH).days if isinstance(value, dt.date) else int(value)


def columns_in(file: Any) -> frozenset[int]:
    """Field ids of the columns (and of those below them) that a `DataFile` has: files with the same ones have one schema."""
    return frozenset(file.value_counts or ())


def readable(file: Any) -> str:
    """A `DataFile` as DuckDB and `read_rows` take it: the path of a file here, or an s3:// URL."""
    return str(file.file_path).removeprefix("file://")


def read_rows(path: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of a data file, or some columns of them.

    Raises:
        StorageError: when the store fails.
    """
    if not path.startswith(REMOTE):
        return pq.read_table(path, columns=columns, partitioning=None)
    from lakehouse._s3 import open_file  # noqa: PLC0415 the embedded road knows no S3

    with open_file(path) as file:
        return pq.read_table(file, columns=columns, partitioning=None)


def _narrow_schema(schema: pa.Schema) -> pa.Schema:
    """Iceberg's library speaks of large strings and lists; ours are small."""
    return pa.schema([_narrow_field(f) for f in schema])


def _narrow_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _narrow_type(field.type), field.nullable, field.metadata)


def _narrow_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([_narrow_field(f) for f in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_narrow_field(kind.value_field))
    return kind
