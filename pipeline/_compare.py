"""What an engine runs to compare a table's rows of some raw objects with what they are now, and to write what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.layout import OF_A_RUN
from lakehouse.datafiles import PartitionedWriter, Target, WrittenFile, fit, read_rows
from lakehouse.failpoints import reach
from pipeline._tasks import Part, rows_of_part

_ADDRESS: Final = ("raw_object", "raw_record")
_PLACED: Final = """
select
    place, raw_object, raw_record, hash(t) as content,
    row_number() over (partition by raw_object, raw_record, hash(t)) as nth
from (select {columns} from {rows}) as t positional join (select place from {rows})
"""
_ANTI: Final = (
    "select place from {these} anti join {those} using (raw_object, raw_record, content, nth) order by place"
)
_REPORT: Final = """
with came as (select *, row_number() over (partition by {key}) as nth from came_rows),
went as (select *, row_number() over (partition by {key}) as nth from went_rows),
pairs as (
    select
        cast(coalesce(came.{day}, went.{day}) as date) as day, went.{first} is null as is_added, came.{first} is null as is_removed,
        list_filter([{columns}], lambda name: name is not null) as columns
    from came full join went on {same} and came.nth = went.nth
)
select
    day, count(*) filter (is_added)::int as added, count(*) filter (is_removed)::int as removed,
    count(*) filter (not is_added and not is_removed)::int as changed,
    coalesce(flatten(list(columns) filter (not is_added and not is_removed)), []) as columns
from pairs group by day order by day
"""


@dataclass(frozen=True, slots=True)
class DayDifference:
    """Rows of a day that were added, removed and changed, and in which columns so many of them changed."""

    day: str
    added: int
    removed: int
    changed: int
    columns: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompareJob:
    """A table's rows of some raw objects: those there (in `files`), and those that should be there (in `parts`).

    `gone` are addresses (raw_object, raw_record) of rows of other objects that go. `key` tells rows apart in the report.
    """

    target: Target
    name: str
    files: list[str]
    objects: frozenset[str]
    gone: frozenset[tuple[str, int]]
    parts: list[Part]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs: files written, files that they stand in for, and by day. Rows are those of the objects."""

    files: list[WrittenFile]
    removed: list[str]
    rows_before: int
    rows_after: int
    differences: list[DayDifference]


def compare(job: CompareJob) -> Compared:
    """Write the rows that differ into new files, with what else was in the files of those that go."""
    now, before = _now(job), _before(job)
    columns = [name for name in job.target.schema.names if name not in OF_A_RUN]
    with duckdb.connect() as connection:
        came, went = _differing(connection, now, before, columns)
        differences = _report(connection, job, came, went, columns)
    writer = PartitionedWriter(job.target, job.name)
    reach("curate.writing")
    if len(came):
        writer.write(came)
    removed = _write_kept(job, writer, went)
    return Compared(writer.close(), removed, len(before), len(now), differences)


def _now(job: CompareJob) -> pa.Table:
    schema = job.target.schema
    rows = [fit(part, schema) for part in map(rows_of_part, job.parts) if len(part)]
    table = pa.concat_tables(rows) if rows else schema.empty_table()
    return table.append_column("place", pa.array(np.arange(len(table))))


def _before(job: CompareJob) -> pa.Table:
    """The rows that may go, with the number of their file and their place in it."""
    found = [_candidates(job, number, path) for number, path in enumerate(job.files)]
    table = pa.concat_tables([_empty(job.target.schema), *found])
    return table.append_column("place", pa.array(np.arange(len(table))))


def _empty(schema: pa.Schema) -> pa.Table:
    return pa.schema([*schema, ("file", pa.int64()), ("row", pa.int64())]).empty_table()


def _candidates(job: CompareJob, number: int, path: str) -> pa.Table:
    addresses = read_rows(path, list(_ADDRESS))  # most files of a day have rows of other objects only
    concerned = pc.is_in(addresses["raw_object"], pa.array(sorted(job.objects), pa.string()))
    if job.gone:
        concerned = pc.or_(concerned, _named(addresses, job.gone))
    places = pa.array(np.flatnonzero(concerned.to_numpy()))
    if not len(places):
        return _empty(job.target.schema)
    table = fit(read_rows(path).take(places), job.target.schema)
    return table.append_column("file", pa.repeat(number, len(places))).append_column("row", places)


def _named(rows: pa.Table, addresses: frozenset[tuple[str, int]]) -> pa.Array:
    """True for the rows at those addresses."""
    found = np.zeros(len(rows), bool)
    some = pc.is_in(rows["raw_object"], pa.array(sorted({name for name, _ in addresses}), pa.string()))
    for place in np.flatnonzero(some.to_numpy()):
        found[place] = tuple(rows[name][int(place)].as_py() for name in _ADDRESS) in addresses
    return pa.array(found)


def _differing(
    connection: duckdb.DuckDBPyConnection, now: pa.Table, before: pa.Table, columns: list[str]
) -> tuple[pa.Table, pa.Table]:
    """The rows of `now` that have no equal in `before`, and the other way round."""
    quoted = ", ".join(f'"{name}"' for name in columns)
    for name, rows in (("now", now), ("before", before)):
        connection.register(f"{name}_rows", rows)
        placed = _PLACED.format(columns=quoted, rows=f"{name}_rows")
        connection.execute(f"create temp table {name} as {placed}")
    places = [
        connection.sql(_ANTI.format(these=these, those=those)).to_arrow_table()["place"]
        for these, those in (("now", "before"), ("before", "now"))
    ]
    return now.take(places[0]).drop_columns("place"), before.take(places[1])


def _report(
    connection: duckdb.DuckDBPyConnection, job: CompareJob, came: pa.Table, went: pa.Table, columns: list[str]
) -> list[DayDifference]:
    connection.register("came_rows", came)
    connection.register("went_rows", went)
    differs = (f'case when came."{c}" is distinct from went."{c}" then \'{c}\' end' for c in columns)
    sql = _REPORT.format(
        key=", ".join(job.key), first=job.key[0], day=job.target.partition, columns=", ".join(differs),
        same=" and ".join(f"came.{name} = went.{name}" for name in job.key),
    )  # fmt: skip
    return [_day(row) for row in connection.sql(sql).to_arrow_table().to_pylist()]


def _day(row: dict[str, Any]) -> DayDifference:
    counted: dict[str, int] = defaultdict(int)
    for name in row["columns"]:
        counted[name] += 1
    return DayDifference(
        str(row["day"]), row["added"], row["removed"], row["changed"], dict(sorted(counted.items()))
    )


def _write_kept(job: CompareJob, writer: PartitionedWriter, went: pa.Table) -> list[str]:
    """Write what else is in the files of rows that go; returns those files."""
    lost: dict[int, list[int]] = defaultdict(list)
    for number, row in zip(went["file"].to_pylist(), went["row"].to_pylist(), strict=True):
        lost[number].append(row)
    for number, rows in sorted(lost.items()):
        _write_without(job.files[number], rows, writer)
    return [job.files[number] for number in sorted(lost)]


def _write_without(path: str, gone: Sequence[int], writer: PartitionedWriter) -> None:
    rows = read_rows(path)
    is_kept = np.ones(len(rows), bool)
    is_kept[list(gone)] = False
    kept = rows.filter(pa.array(is_kept))
    if len(kept):
        writer.write(kept)
