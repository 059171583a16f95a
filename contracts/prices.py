"""Prices of AWS's services, from `prices.yaml`: what is charged, where AWS says so, and when that was looked up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import yaml
from msgspec import Meta, Struct

_PATH: Final = Path(__file__).with_name("prices.yaml")


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """A price in US dollars, in us-east-1, on demand. `note` says what is counted."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]
    usd: Decimal
    source: Annotated[str, Meta(pattern=r"^https://aws\.amazon\.com/")]
    looked_up: dt.date
    note: str


@cache
def prices() -> dict[str, Price]:
    """Every price, by name."""
    rows: Any = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    return {each.name: each for each in msgspec.convert(rows, list[Price])}
