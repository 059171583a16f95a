"""What commands print: data on stdout, messages and progress on stderr."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Row = Mapping[str, Any]


def say(message: str) -> None:
    """A message for the person, on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(message))


def print_json(value: Any) -> None:
    """A value as JSON on stdout."""
    sys.stdout.write(json.dumps(value, default=_as_json, indent=2, ensure_ascii=False) + "\n")


def print_rows(
    rows: Sequence[Row], *, columns: Sequence[str] | None = None, title: str | None = None
) -> None:
    """Rows as a table on stdout; as wide as it needs where stdout is no terminal."""
    names = list(columns or (rows[0] if rows else ()))
    table = Table(title=title, title_justify="left")
    for name in names:
        numeric = bool(rows) and all(isinstance(r[name], int | float | Decimal | None) for r in rows)
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_as_text(row[name])) for name in names))
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    console.print(table)


def print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Rows as CSV on stdout."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_as_text(row[name]) for name in columns] for row in rows)


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A callback `(what, done, total)` that draws a bar, at a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, bar.add_task(what, total=total))
            bar.update(task, completed=done, total=total)

        yield advance


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}" if sys.stdout.isatty() else str(value)
    return str(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
