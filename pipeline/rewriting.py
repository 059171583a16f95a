"""Copy-on-write: files that lose rows are written again without them, and many small files become one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any, Final

import duckdb
import pyarrow as pa

from contracts.layout import PLATFORM
from lakehouse.datafiles import (
    EPOCH,
    PartitionedWriter,
    WrittenFile,
    partition_day,
    read_rows,
    readable,
    target_of,
)
from pipeline.run import Run
from pipeline.settle import Record

CROWDED: Final = 16
"""Files in a partition of a platform table from which on a run that adds to it merges them: every run reads those tables,
so their cost must follow the days it touches and not the number of runs before it."""


def rewrite(
    run: Run, table: Any, displaced: dict[dt.date, set[Record]], touched: set[dt.date]
) -> tuple[list[Any], list[WrittenFile]]:
    """Write again what has to be.

    Args:
        run: the run.
        table: the Iceberg table.
        displaced: addresses of rows to take out, by partition.
        touched: the partitions the run writes to.

    Returns:
        The data files that are gone, and the files that stand in for them.
    """
    identifier = run.lake.catalogue.name_of(table)
    merges = identifier.startswith(f"{PLATFORM}.")
    days = {(day - EPOCH).days for day in (touched if merges else displaced)}
    if not days:
        return [], []
    found = run.lake.catalogue.files(identifier, table.metadata.current_snapshot_id)
    candidates = [file for file in found if partition_day(file) in days]
    counts = Counter(partition_day(file) for file in candidates)
    crowded = {day for day, count in counts.items() if merges and count >= CROWDED}
    return _rewrite(run, table, candidates, _addresses(displaced), crowded)


def _rewrite(
    run: Run, table: Any, candidates: list[Any], gone: pa.Table | None, crowded: set[int | None]
) -> tuple[list[Any], list[WrittenFile]]:
    writer = PartitionedWriter(target_of(table, run.run_id), f"{table.name()[-1]}-rewritten")
    removed = []
    for file in candidates:
        if gone is None and partition_day(file) not in crowded:
            continue
        rows = read_rows(readable(file))
        kept = rows if gone is None else _without(rows, gone)
        if len(kept) < len(rows) or partition_day(file) in crowded:
            removed.append(file)
            writer.write(kept)
    return removed, writer.close()


def _addresses(displaced: dict[dt.date, set[Record]]) -> pa.Table | None:
    rows = [
        {"raw_object": name, "raw_record": number}
        for records in displaced.values()
        for name, number in records
    ]
    return pa.Table.from_pylist(rows) if rows else None


def _without(rows: pa.Table, gone: pa.Table) -> pa.Table:
    """The rows that `gone` does not name by its columns; by position, as Arrow's joins take no nested columns."""
    names = ", ".join(gone.column_names)
    with duckdb.connect() as connection:
        connection.register("addresses", rows.select(gone.column_names))
        connection.register("gone", gone)
        relation = connection.sql(
            f"select position from (select {names}, row_number() over () - 1 as position from addresses)"
            f" anti join gone using ({names}) order by position"
        )
        return rows.take(relation.to_arrow_table()["position"])
