"""Files that were dropped for us, as one table in a scratch database."""

from __future__ import annotations

import csv
import gzip
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from contracts.control import Control
from contracts.errors import MappingError
from contracts.mapping import Section
from contracts.targets import Expression, identifier, nearest
from ingestion._control import check_totals, controlled
from lakehouse.mapping_sql import DROP, events_query, literal, plain, taken_rows

ROWS_AT_ONCE: Final = 200_000
"""Rows whose groups one query holds in memory."""
MEMORY_LIMIT: Final = "768MB"

_MISSING: Final = re.compile(
    r'Referenced column "(.+?)" not found|Table .* does not have a column named "(.+?)"'
)
_UNGROUPED: Final = re.compile(r'column "(.+?)" must appear in the GROUP BY')


class Drop:
    """The rows of a section's files, for as long as the context lasts. Nothing but these files can be read from it."""

    def __init__(self, section: Section, files: list[Path]) -> None:
        self.section = section
        self.files = files

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="drop-")
        scratch = Path(self._folder.name)
        config: dict[str, str | bool | float | list[str]] = {
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(scratch / "spill"),
        }
        self._connection = duckdb.connect(scratch / "drop.duckdb", config=config)
        self._connection.execute("SET TimeZone = 'UTC'")
        try:
            self._load()
            self._check_columns()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._connection.close()
        self._folder.cleanup()

    def _load(self) -> None:
        parts = " UNION ALL BY NAME ".join(f"SELECT * FROM {self._source(path)}" for path in self.files)
        try:
            self._connection.execute(
                f"CREATE TABLE {DROP} AS SELECT row_number() OVER () AS _row, * FROM ({parts})"
            )
        except duckdb.Error as e:
            names = ", ".join(str(path) for path in self.files)
            raise MappingError(
                f"{names} cannot be read: {plain(e)}. Nothing of it was published; mend it, then ingest it again."
            ) from e
        self._connection.execute("SET enable_external_access = false")
        described = self._connection.execute(f"DESCRIBE {DROP}").fetchall()
        self.columns = [name for name, *_ in described if name != "_row"]

    def _source(self, path: Path) -> str:
        suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
        match suffixes[-1] if suffixes else "":
            case ".csv" | ".tsv" | ".txt" as suffix:
                return self._csv(path, self.section.delimiter or ("\t" if suffix == ".tsv" else ","))
            case ".parquet":
                return f"read_parquet({literal(str(path))})"
            case ".ndjson" | ".jsonl" | ".json":
                options = "format='newline_delimited', sample_size=-1, maximum_depth=-1, convert_strings_to_integers=false"
                return f"read_json({literal(str(path))}, {options})"
            case _:
                raise MappingError(
                    f"{path} is neither CSV, Parquet nor NDJSON by its name; rename or convert it."
                )

    def _csv(self, path: Path, delimiter: str) -> str:
        """Every column as text, in a stated dialect: guessing the dialect can lose lines without a word."""
        section = self.section
        if section.control:
            return self._controlled(path, delimiter, section.control)
        names = section.header or _header(path, delimiter, section.encoding)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
        dialect = f"delim={literal(delimiter)}, quote={literal(section.quote)}, escape={literal(section.quote)}, encoding={literal(section.encoding)}"
        header = "false" if section.header else "true"
        return f"read_csv({literal(str(path))}, auto_detect=false, header={header}, {dialect}, columns={{{columns}}})"

    def _controlled(self, path: Path, delimiter: str, control: Control) -> str:
        """The rows of a file whose first and last line say what it holds, where that is so."""
        rows = Path(self._folder.name) / f"{len(list(Path(self._folder.name).glob('*.rows')))}.rows"
        drop = controlled(path, rows, self.section, control, delimiter)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.section.header)
        dialect = "auto_detect=false, header=false, delim=',', quote='\"', escape='\"'"
        source = f"read_csv({literal(str(rows))}, {dialect}, columns={{{columns}}})"
        check_totals(self._connection, drop, source, control)
        return f"(SELECT *, {drop.outer} FROM {source})"

    def _check_columns(self) -> None:
        known = {name.lower() for name in self.columns}
        ids = [each.column for each in self.section.id if each.column is not None]
        for name in (*self.section.columns, *ids):
            if name.lower() not in known:
                raise self._missing(name, self.section.place)

    def _missing(self, name: str, place: str) -> MappingError:
        files = ", ".join(path.name for path in self.files)
        return MappingError(f"{place}: {files} has no column {name!r}{nearest(name, self.columns)}.")

    def bind(self, value: Expression, grouped: bool) -> str:  # noqa: FBT001 a callback
        """The SQL type of an expression over the rows, or over the groups.

        Raises:
            MappingError: naming the mapping's line, and the file's columns where one is missing.
        """
        keys = ", ".join(identifier(name) for name in self.section.group_by)
        query = f"DESCRIBE SELECT ({value.sql}\n) FROM (SELECT *, 1 AS _line FROM {DROP}) {f'GROUP BY {keys}' if grouped else ''}"
        try:
            row = self._connection.execute(query).fetchone()
        except duckdb.Error as e:
            raise self._unbound(value, e) from e
        return str(row[1]) if row else "VARCHAR"

    def _unbound(self, value: Expression, error: duckdb.Error) -> MappingError:
        message = str(error)
        if missing := _MISSING.search(message):
            return self._missing(value.column or missing[1] or missing[2], value.place)
        if ungrouped := _UNGROUPED.search(message):
            how = f"add it to group_by, or aggregate it, as in min({ungrouped[1]})"
            return MappingError(f"{value.place}: {ungrouped[1]} has several values in a group; {how}.")
        return MappingError(f"{value.place}: {plain(error)}.")

    def count(self) -> tuple[int, int]:
        """Rows in the files, and those that the section takes."""
        if self.section.where is not None:
            self.bind(self.section.where, False)
        query = f"SELECT count(*), count(*) FILTER ({taken_rows(self.section)}) FROM {DROP}"
        with self._carried_out():
            row = self._connection.execute(query).fetchone()
        return row or (0, 0)

    def events(self, batch: int) -> Iterator[list[tuple[str | None, str | None, str, int]]]:
        """Batches of event_id, occurred_at and data, each JSON text or null, and the number of the event's first row.

        Raises:
            MappingError: when an expression fails on a value in the files.
        """
        (rows,) = self._connection.execute(f"SELECT count(*) FROM {DROP}").fetchone() or (0,)
        buckets = 1 + rows // ROWS_AT_ONCE if self.section.group_by else 1
        for bucket in range(buckets):
            query = events_query(self.section, self.bind, buckets=buckets, bucket=bucket)
            with self._carried_out():
                self._connection.execute(query)
            while found := self._fetch(batch):
                yield found

    def _fetch(self, batch: int) -> list[tuple[str | None, str | None, str, int]]:
        with self._carried_out():
            return self._connection.fetchmany(batch)

    @contextmanager
    def _carried_out(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException as e:
            what = f"{self.section.place}: the rows do not fit into {MEMORY_LIMIT} of memory"
            raise MappingError(f"{what}. Part the files; ingesting again adds nothing twice.") from e
        except duckdb.Error as e:
            advice = "Use TRY_CAST or TRY where a value may not fit; ingesting again adds nothing twice"
            raise MappingError(
                f"{self.section.place}: {self.section.event_type}: {plain(e)}. {advice}."
            ) from e


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    """The column names in the first line of a CSV file."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(
            path, "rt", encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline=""
        ) as file:
            names = next(csv.reader(file, delimiter=delimiter), [])
    except (OSError, UnicodeDecodeError, LookupError, csv.Error) as e:
        raise MappingError(
            f"{path} cannot be read: {e}. Mend it, or name its encoding in the mapping."
        ) from e
    if not names or "" in names or len({name.lower() for name in names}) < len(names):
        raise MappingError(
            f"{path} needs a first line with a name for each column, each once; it has: {', '.join(names) or 'none'}."
        )
    return names
