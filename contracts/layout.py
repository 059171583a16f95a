"""Where things live and what they are called: one place for every prefix, namespace and file name."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

FORMAT_VERSION: Final = 1

CURATED: Final = "curated"
MARTS: Final = "marts"
PLATFORM: Final = "platform"
NAMESPACES: Final = (CURATED, MARTS, PLATFORM)
LEDGER: Final = f"{PLATFORM}.ledger"
QUARANTINE: Final = f"{PLATFORM}.quarantine"
EVENT_IDS: Final = f"{PLATFORM}.event_ids"
PERSONAL_VALUES: Final = f"{PLATFORM}.personal_values"
PSEUDONYMS: Final = f"{PLATFORM}.pseudonyms"
DEFAULT_BUS: Final = "commerce"
NO_DATE: Final = dt.date(1970, 1, 1)
"""The arrival date of raw objects outside the layout."""

OF_A_RUN: Final = frozenset({"run_id", "curated_at", "quarantined_at"})
"""Columns that name the run which wrote a row, and differ between any two runs."""

_RAW_HOUR = re.compile(r"bus=[^/]+/ingest_date=(\d{4}-\d{2}-\d{2})/ingest_hour=(\d{2})/")


def curated_table(event_type: str) -> str:
    """Identifier of an event type's curated table."""
    return f"{CURATED}.{event_type}"


def raw_prefix(bus: str, arrived_at: dt.datetime) -> str:
    """Prefix of the raw objects of one bus and arrival hour (UTC), as Firehose writes it too."""
    return f"bus={bus}/ingest_date={arrived_at:%Y-%m-%d}/ingest_hour={arrived_at:%H}/"


def arrival_hour(raw_object: str) -> dt.datetime | None:
    """The arrival hour (UTC, naive) in a raw object's path, or None where it has none."""
    match = _RAW_HOUR.match(raw_object)
    if not match:
        return None
    try:
        return dt.datetime.fromisoformat(f"{match[1]}T{match[2]}:00:00")
    except ValueError:
        return None


def arrival_date(raw_object: str) -> dt.date:
    """The arrival date in a raw object's path; NO_DATE for an object outside the layout."""
    hour = arrival_hour(raw_object)
    return hour.date() if hour else NO_DATE
