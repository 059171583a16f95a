"""Derived tables: the rows that should be there are compared with those that are, and the difference is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import ConservationError
from lakehouse.datafiles import (
    EPOCH,
    PartitionedWriter,
    Target,
    WrittenFile,
    partition_day,
    read_rows,
    readable,
    target_of,
)
from lakehouse.engine import Engine
from lakehouse.failpoints import reach
from lakehouse.sql import rows_of
from pipeline.run import Run


@dataclass(frozen=True, slots=True)
class Difference:
    """What one lot of keys brings to a table: files with the rows that came, and the rows that went (in full)."""

    files: list[WrittenFile]
    gone: pa.Table


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a derived table's rows are and how new ones are written; small enough to send to another process.

    `query` selects the rows that are there now, of the days that matter.
    """

    name: str
    target: Target
    query: str

    def replace(
        self, connection: duckdb.DuckDBPyConnection, after: pa.Table, lot: int, *, scope: str
    ) -> Difference:
        """Write what differs between the rows in scope and `after`.

        Args:
            connection: a DuckDB connection.
            after: the rows that should be there, less run_id.
            lot: tells this lot's files from others'.
            scope: joins and conditions, on tables of the connection, that keep the rows of `before` to be replaced.
        """
        reach("derive.computing")
        columns = ", ".join(after.column_names)
        connection.register("after", after)
        connection.execute(
            f"create or replace temp table before as select {columns} from ({self.query}) as rows {scope}"
        )
        came = connection.sql(
            f"select {columns} from after except all select {columns} from before"
        ).to_arrow_table()
        gone = connection.sql(
            f"select {columns} from before except all select {columns} from after"
        ).to_arrow_table()
        connection.unregister("after")
        return Difference(self.write(came, lot), gone)

    def write(self, rows: pa.Table, lot: int) -> list[WrittenFile]:
        """Write rows into files of the table, one a partition."""
        writer = PartitionedWriter(self.target, f"{self.name}-{lot:04d}")
        if len(rows):
            writer.write(rows.append_column("run_id", pa.repeat(self.target.run_id, len(rows))))
        return writer.close()


@dataclass
class DerivedTable:
    """A derived table during a run: its files as the run found them, and what becomes of them."""

    run: Run
    name: str
    files: list[WrittenFile] = field(default_factory=list)
    removed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look the table up."""
        self.declared = self.run.lake.declarations.tables[self.name]
        self.table = self.run.table(self.declared.identifier)
        snapshot = self.run.snapshot(self.declared.identifier)
        found = self.run.lake.catalogue.files(self.declared.identifier, snapshot) if snapshot else []
        self.before = {readable(file): file for file in found}

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it is derived from."""
        return self.declared.derived.inputs if self.declared.derived else ()

    @property
    def target(self) -> Target:
        """Where its files are written."""
        return target_of(self.table, self.run.run_id)

    def days(self) -> set[dt.date]:
        """The days that have rows."""
        return {_day(file) for file in self.before.values()}

    def paths(self, days: Iterable[dt.date] | None = None, *, since: dt.date | None = None) -> list[str]:
        """Files as the run found them: of those days, or from a day on, or all."""
        wanted = set(days) if days is not None else self.days()
        return sorted(
            path
            for path, file in self.before.items()
            if _day(file) in wanted and (since is None or _day(file) >= since)
        )

    def query(self, files: list[str]) -> str:
        """A query over files of the table."""
        return rows_of(self.declared.fields, files)

    def rows(self, files: list[str]) -> Rows:
        """The table's rows in those files, for a lot to replace."""
        return Rows(self.name, self.target, self.query(files))

    def take(self, engine: Engine, differences: Sequence[Difference]) -> None:
        """Take over what lots wrote, and write again the files that lose rows."""
        self.files += [file for each in differences for file in each.files]
        gone = [each.gone for each in differences if len(each.gone)]
        if gone:
            self._rewrite(engine, pa.concat_tables(gone))

    def _rewrite(self, engine: Engine, gone: pa.Table) -> None:
        days = {_date(day) for day in pc.unique(gone[str(self.declared.partition)]).to_pylist()}
        paths = self.paths(days)
        task = RewriteFile(self.name, self.target, gone)
        lost = 0
        for place, (count, files) in engine.each(task, list(enumerate(paths))):
            lost += count
            if count:
                self.removed[paths[place]] = self.before[paths[place]]
                self.files += files
        if lost != len(gone):
            raise ConservationError(
                f"Table {self.name} should lose {len(gone)} rows and lost {lost}. Nothing was published; please report this."
            )

    def stage(self) -> None:
        """Put it on the run's branch, where anything changed."""
        days = {EPOCH + dt.timedelta(days=file.day) for file in self.files if file.day is not None}
        days |= {_day(file) for file in self.removed.values()}
        if days:
            self.run.stage(self.table, self.files, list(self.removed.values()), days)

    def after(self) -> list[str]:
        """Files as the run will leave them."""
        return sorted({*self.before.keys() - self.removed.keys(), *(file.path for file in self.files)})


@dataclass(frozen=True, slots=True)
class RewriteFile:
    """Writes a file again without the rows of `gone`, which has every column but run_id."""

    name: str
    target: Target
    gone: pa.Table

    def __call__(self, item: tuple[int, str]) -> tuple[int, list[WrittenFile]]:
        """How many rows the file (number, path) loses, and the files that stand in for it; none where it loses nothing."""
        number, path = item
        rows = read_rows(path)
        kept = self._kept(rows)
        if len(kept) == len(rows):
            return 0, []
        writer = PartitionedWriter(self.target, f"{self.name}-rewritten-{number:04d}")
        if len(kept):
            writer.write(kept)
        return len(rows) - len(kept), writer.close()

    def _kept(self, rows: pa.Table) -> pa.Table:
        """By hashes of whole rows: a SKU's event may stand twice, beyond the horizon of deduplication, and only one of them go."""
        with duckdb.connect() as connection:
            connection.register("rows", rows.select(self.gone.column_names))
            connection.register("gone", self.gone)
            relation = connection.sql(
                "select place from (select hash(t) as hashed, row_number() over () - 1 as place from (from rows) as t)"
                " anti join (select hash(t) as hashed from (from gone) as t) using (hashed) order by place"
            )
            return rows.take(relation.to_arrow_table()["place"])


def _day(file: Any) -> dt.date:
    return EPOCH + dt.timedelta(days=partition_day(file) or 0)


def _date(value: dt.date | dt.datetime) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value
