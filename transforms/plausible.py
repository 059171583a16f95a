"""Clocks that are off: an implausible time is filed by arrival, and the claim kept."""

from __future__ import annotations

import datetime as dt
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

MOST_AHEAD: Final = dt.timedelta(days=1)
MOST_BEHIND: Final = dt.timedelta(days=400)
MOST_FROM_HOUR: Final = dt.timedelta(hours=48)
EARLIEST: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 times in tables carry no zone


def settle_times(table: pa.Table, arrival_hours: pa.Array) -> pa.Table:
    """Settle `ingested_at` and `occurred_at`, and add `claimed_occurred_at`.

    An envelope time more than 48 hours from the arrival hour of the row's object (null where it has none) is replaced by that hour. An `occurred_at` more
    than a day after arrival, or more than 400 days before it on a record that does not say `is_historical`, is
    replaced by the arrival; what was claimed stands in `claimed_occurred_at`.
    """
    arrived = _settle_arrival(table["ingested_at"], arrival_hours)
    claimed = table["occurred_at"]
    historical = pc.fill_null(table["is_historical"], False)
    early = pc.if_else(
        historical, pc.less(claimed, EARLIEST), pc.less(claimed, pc.subtract(arrived, MOST_BEHIND))
    )
    implausible = pc.or_(early, pc.greater(claimed, pc.add(arrived, MOST_AHEAD)))
    table = table.set_column(table.schema.get_field_index("ingested_at"), "ingested_at", arrived)
    settled = pc.if_else(implausible, arrived, claimed)
    table = table.set_column(table.schema.get_field_index("occurred_at"), "occurred_at", settled)
    return table.append_column(
        "claimed_occurred_at", pc.if_else(implausible, claimed, pa.scalar(None, claimed.type))
    )


def _settle_arrival(arrived: pa.ChunkedArray, hours: pa.Array) -> pa.ChunkedArray:
    # Arrow's arithmetic does not end with the calendar
    off = pc.or_(
        pc.less(arrived, pc.subtract(hours, MOST_FROM_HOUR)),
        pc.greater(arrived, pc.add(hours, MOST_FROM_HOUR)),
    )
    return pc.if_else(pc.fill_null(off, False), hours, arrived)
