"""Parity: the same raw through both engines, dealt out, ordered and cut in other ways, gives the same tables."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from contracts.declarations import Declarations
from contracts.errors import UsageError
from contracts.fields import Kind
from contracts.layout import OF_A_RUN, PERSONAL_VALUES, QUARANTINE, curated_table
from lakehouse.lake import Lake
from lakehouse.pseudonym_keys import PseudonymKeys
from lakehouse.sql import connect, query, release_of
from pipeline.curate import Progress, curate, quiet
from pipeline.derive import derive

CONTENT: Final = """
select
    count(*) as rows,
    printf('%016x%016x', coalesce(bit_xor(hash(t)), 0), (coalesce(sum(hash(t)), 0) % 18446744073709551616)::ubigint) as hash
from (select {columns} from {table}) t
"""
"""Rows of a table and a hash of them as a bag: in any order the same, and another where a row stands twice."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the tables: an engine, into how many lots Spark deals keys, into how many runs arrival is cut, its order."""

    engine: str
    partitions: int | None = None
    increments: int = 1

    @property
    def name(self) -> str:
        """In words."""
        lots = f", {self.partitions} lots" if self.partitions else ""
        return f"{self.engine}{lots}" + (f", {self.increments} runs, shuffled" if self.increments > 1 else "")


@dataclass(slots=True)
class TableParity:
    """One table: its rows, and the hash of its schema and content on each way."""

    table: str
    rows: int
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """True when every way gave the same."""
        return len(set(self.hashes.values())) == 1


def parity(raw: Lake, ways: Sequence[Way], scratch: Path, *, progress: Progress = quiet) -> list[TableParity]:
    """Curate and derive the raw of a lake in every way, in lakes of their own.

    Args:
        raw: the lake whose raw is read; nothing of it is changed.
        ways: at least two.
        scratch: an empty folder for the lakes; they stay, so that differences can be looked into.
        progress: told of ways done.

    Raises:
        UsageError: when the lake's raw is not on this machine.
    """
    if raw.profile.is_remote:
        raise UsageError("Parity reads raw on this machine. Copy some of it into a lake here first.")
    found: dict[str, TableParity] = {}
    keys = raw.pseudonym_keys
    for done, way in enumerate(ways):
        progress(f"ways done; now {way.name}", done, len(ways))
        lake = _walked(raw, way, scratch / _folder(done, way), keys)
        keys = lake.pseudonym_keys  # a lake that curated nothing yet has none to lend
        for table, rows, content in _hashes(lake):
            found.setdefault(table, TableParity(table, rows)).hashes[way.name] = content
    return [found[table] for table in sorted(found)]


def differing_rows(scratch: Path, ways: Sequence[Way], table: str) -> str:
    """A report of the rows by which the first way differs from the first other one that differs.

    Raises:
        UsageError: when the library for it is not installed.
    """
    try:
        from datacompy import PandasCompare  # noqa: PLC0415 it loads Spark, and is needed where tables differ only
    except ImportError as e:
        raise UsageError(
            "To show rows that differ, install the extra: pip install 'unified-commerce-lake[spark]'."
        ) from e
    frames = [_frame(Lake.open(scratch / _folder(place, way)), table) for place, way in enumerate(ways)]
    declared = Lake.open(scratch / _folder(0, ways[0])).declarations.tables.get(table.partition(".")[2])
    identity = (
        list(declared.derived.identity) if declared and declared.derived else ["raw_object", "raw_record"]
    )
    reports = [
        PandasCompare(frames[0], frame, join_columns=identity, df1_name=ways[0].name, df2_name=way.name)
        for way, frame in zip(ways[1:], frames[1:], strict=True)
    ]
    return next((str(each.report(sample_count=3)) for each in reports if not each.matches()), "")


def _frame(lake: Lake, table: str) -> Any:
    columns = set(compared_columns(lake.declarations, table))
    fields = [f for f in lake.declarations.table(table)[0] if f.name in columns]
    nested = {Kind.ARRAY, Kind.OBJECT}  # which the library does not compare
    chosen = [f"to_json({f.name})::varchar as {f.name}" if f.kind in nested else f.name for f in fields]
    with connect(lake, release_of(lake)) as connection:
        return query(connection, f"select {', '.join(chosen)} from {table}").to_pandas()


def _folder(place: int, way: Way) -> str:
    return f"{place}-{way.engine}"


def _walked(raw: Lake, way: Way, root: Path, keys: PseudonymKeys) -> Lake:
    settings: dict[str, Any] = {"engine": way.engine}
    if way.partitions:
        settings["partitions"] = way.partitions
    if raw.profile.contracts:
        settings["contracts"] = str((raw.root / raw.profile.contracts).resolve())
    lake = Lake.create(root, settings)
    keys.lend(lake.pseudonym_keys)
    for names in _arrivals(sorted(raw.store.names()), way.increments):
        for name in names:
            lake.store.write(name, raw.store.read(name))
        curate(lake)
        derive(lake)
    return lake


def _arrivals(names: list[str], increments: int) -> Iterator[list[str]]:
    if increments > 1:
        random.Random(increments).shuffle(names)  # noqa: S311 an order, not a secret
    size = -(-len(names) // increments)
    for start in range(0, len(names), size):
        yield names[start : start + size]


def compared_columns(declarations: Declarations, table: str) -> list[str]:
    """The columns of a table that say what happened and by which record, not which run found it."""
    return [f.name for f in declarations.table(table)[0] if f.name not in OF_A_RUN]


def _hashes(lake: Lake) -> Iterator[tuple[str, int, str]]:
    declarations = lake.declarations
    derived = [table.identifier for table in declarations.derived.values()]
    with connect(lake, release_of(lake)) as connection:
        for table in [*map(curated_table, declarations.curated), *derived, PERSONAL_VALUES, QUARANTINE]:
            columns = ", ".join(compared_columns(declarations, table))
            schema = query(connection, f"select {columns} from {table} limit 0").schema
            row = query(connection, CONTENT.format(columns=columns, table=table)).to_pylist()[0]
            yield table, row["rows"], f"{crc32(str(schema).encode()):08x}-{row['hash']}"
