"""Limits of AWS's services, from `limits.yaml`: what one call takes, where AWS says so, and when that was looked up."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import yaml
from msgspec import Meta, Struct

from contracts.errors import UsageError

_PATH: Final = Path(__file__).with_name("limits.yaml")


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """A limit of a service: at most `value` of `unit`. `note` says what is counted, and what is uncertain."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")]
    value: Annotated[int, Meta(gt=0)]
    unit: str
    source: Annotated[str, Meta(pattern=r"^https://docs\.aws\.amazon\.com/")]
    looked_up: dt.date
    note: str


@cache
def limits() -> dict[str, Limit]:
    """Every limit, by name."""
    rows: Any = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    return {each.name: each for each in msgspec.convert(rows, list[Limit])}


def limit(name: str) -> int:
    """The value of a limit, in the unit that the file states.

    Raises:
        UsageError: when there is no such limit.
    """
    if name not in limits():
        raise UsageError(f"No limit is called {name!r}. Known: {', '.join(limits())}.")
    return limits()[name].value
