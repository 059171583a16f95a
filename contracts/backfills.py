"""Backfills: a window to judge anew, written down to be reviewed: why, by whom, and what may differ."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts._located import Located, load_declared
from contracts.errors import ContractError

_KEYS: Final = frozenset({"name", "reason", "owner", "from", "to", "slice_hours", "expect"})
_DEMANDED: Final = ("name", "reason", "owner", "from", "to", "expect")
_EXPECT: Final = frozenset({"events", "columns", "rows_within_percent"})
_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Expectation:
    """What may differ, and what may not.

    `events`: types of which rows may differ. `columns`: the only ones that may change; no row comes or goes then. None: any.
    `rows_within`: the share (0.001 is 0.1 %) by which the number of a type's rows may change; None: by any.
    """

    events: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    rows_within: float | None = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill: raw that arrived from `start` until before `end` (UTC, without zone), `slice_hours` at a time. `text` is its file."""

    name: str
    reason: str
    owner: str
    start: dt.datetime
    end: dt.datetime
    slice_hours: int
    expect: Expectation
    text: str


def load_backfill(path: Path) -> Backfill:
    """Read a backfill.

    Raises:
        ContractError: for the first mistake, naming file and line.
        UsageError: when there is no such file.
    """
    node = load_declared(path, "a backfill", keys=_KEYS, demanded=_DEMANDED)
    if node["name"] != path.stem:
        raise node.error(f"'name' is the file's, {path.stem}", "name")
    hours = node.get("slice_hours", _DAY)
    if not isinstance(hours, int) or hours < 1:
        raise node.error("'slice_hours' is a number of hours", "slice_hours")
    return Backfill(
        name=str(node["name"]),
        reason=" ".join(str(node["reason"]).split()),
        owner=str(node["owner"]),
        start=_moment(node, "from"),
        end=_moment(node, "to"),
        slice_hours=hours,
        expect=_expectation(node),
        text=path.read_text(encoding="utf-8"),
    )


def _moment(node: Located, key: str) -> dt.datetime:
    value = node[key]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time())
    try:
        return dt.datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        raise _wrong(
            node, key, "a day or an hour of it (UTC), such as 2026-11-01 or 2026-11-01T09:00"
        ) from None


def _expectation(node: Located) -> Expectation:
    found = node["expect"]
    if not isinstance(found, Located):
        raise _wrong(node, "expect", "a mapping of what may differ")
    found.refuse_unknown(_EXPECT, "expectation")
    if not found.get("events"):
        raise found.error("say under 'events' of which event types rows may differ")
    share = found.get("rows_within_percent")
    if share is not None and (not isinstance(share, int | float) or share < 0):
        raise _wrong(found, "rows_within_percent", "a number of per cent")
    return Expectation(
        events=_words(found, "events"),
        columns=_words(found, "columns") if found.get("columns") is not None else None,
        rows_within=share / 100 if share is not None else None,
    )


def _words(node: Located, key: str) -> tuple[str, ...]:
    value = node[key]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(node, key, "a list of names")
    return tuple(value)


def _wrong(node: Located, key: str, what: str) -> ContractError:
    return node.error(f"{key!r} is {what}", key)
