"""Drops that say what they hold: their lines are told apart, and their totals held against their rows."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from contracts.control import Control, Total
from contracts.errors import ControlError, MappingError
from contracts.mapping import Section
from lakehouse.mapping_sql import literal, plain

_AGAIN = "Nothing of it was published. Ask its sender for it again, whole."


@dataclass(frozen=True, slots=True)
class Controlled:
    """A drop's rows in a file of their own, with the fields of its first and last line."""

    path: Path
    rows: Path
    header: tuple[str, ...]
    trailer: tuple[str, ...]

    @property
    def outer(self) -> str:
        """The two lines as SQL columns."""
        lists = {"_header": self.header, "_trailer": self.trailer}
        return ", ".join(f"{_list(fields)} AS {name}" for name, fields in lists.items())


def controlled(path: Path, rows: Path, section: Section, control: Control, delimiter: str) -> Controlled:
    """Write the rows of a drop into a file of their own, as plain CSV in UTF-8.

    Raises:
        ControlError: when the first or last line is missing, or a line between is no row: the drop is refused whole.
        MappingError: when it cannot be read.
    """
    header: tuple[str, ...] = ()
    trailer: tuple[str, ...] = ()
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, fields in _lines(path, section, delimiter):
            if trailer:
                raise ControlError(f"{path}: line {number} stands after the trailer. {_AGAIN}")
            if fields[0] == control.trailer:
                trailer = tuple(fields)
            elif control.header is not None and not header:
                if fields[0] != control.header:
                    raise ControlError(f"{path} does not begin with {control.header!r}. {_AGAIN}")
                header = tuple(fields)
            else:
                _check_row(path, number, fields, section, control)
                writer.writerow(fields)
    if not trailer:
        raise ControlError(f"{path} has no trailer ({control.trailer}): it was cut off. {_AGAIN}")
    return Controlled(path, rows, header, trailer)


def check_totals(
    connection: duckdb.DuckDBPyConnection, drop: Controlled, source: str, control: Control
) -> None:
    """Hold the totals against the rows.

    Args:
        connection: reads the rows.
        drop: whose totals.
        source: SQL for the rows.
        control: the totals.

    Raises:
        ControlError: naming every total that does not hold, with both figures.
        MappingError: when a total is no figure.
    """
    found = [(total, *_figures(connection, drop, source, total)) for total in control.totals]
    wrong = [f"{total.rows.sql} is {made}, and it says {said}" for total, said, made in found if said != made]
    if wrong:
        raise ControlError(f"{drop.path}: {'; '.join(wrong)}. {_AGAIN}")


def _figures(
    connection: duckdb.DuckDBPyConnection, drop: Controlled, source: str, total: Total
) -> tuple[str | None, str | None]:
    decimal = "DECIMAL(38, 10)"
    said, made = (
        f"({total.says.sql}\n)::{decimal}::VARCHAR",
        f"coalesce(({total.rows.sql}\n), 0)::{decimal}::VARCHAR",
    )
    query = f"SELECT (SELECT {said} FROM (SELECT {drop.outer})), {made} FROM {source}"
    try:
        row = connection.execute(query).fetchone()
    except duckdb.Error as e:
        raise ControlError(f"{drop.path}: {total.says.place}: {plain(e)}. {_AGAIN}") from e
    return (_short(row[0]), _short(row[1])) if row else (None, None)


def _short(figure: str | None) -> str | None:
    return figure.rstrip("0").rstrip(".") if figure else figure


def _check_row(path: Path, number: int, fields: list[str], section: Section, control: Control) -> None:
    if control.rows is not None and fields[0] != control.rows:
        raise ControlError(f"{path}: line {number} does not begin with {control.rows!r}. {_AGAIN}")
    if len(fields) != len(section.header):
        what = f"{path}: line {number} has {len(fields)} fields; the mapping names {len(section.header)}"
        raise ControlError(f"{what}. {_AGAIN}")


def _lines(path: Path, section: Section, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, with their numbers."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    encoding = "utf-8-sig" if section.encoding == "utf-8" else section.encoding
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if section.quote else csv.QUOTE_NONE
    try:
        with opened(path, "rt", encoding=encoding, newline="") as file:
            reader = csv.reader(
                file, delimiter=delimiter, quotechar=section.quote or None, quoting=quoting, strict=True
            )
            yield from ((reader.line_num, fields) for fields in reader if fields)
    except (OSError, EOFError, UnicodeDecodeError, LookupError, csv.Error) as e:
        raise MappingError(
            f"{path} cannot be read: {e}. Mend it, or name its encoding in the mapping."
        ) from e


def _list(fields: tuple[str, ...]) -> str:
    return f"[{', '.join(literal(each) for each in fields)}]::VARCHAR[]"
