from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from tests.text_tables import rows
from transforms.plausible import settle_times

# of a record in an object of that arrival hour: what its envelope and its producer say, and where it is filed
CASES = rows("""
| case                        | hour             | time                | occurred            | historical | ingested_at         | occurred_at         | claim kept |
|-----------------------------|------------------|---------------------|---------------------|------------|---------------------|---------------------|------------|
| in order                    | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2026-11-01T09:29:59 |            | 2026-11-01T09:30:00 | 2026-11-01T09:29:59 | no         |
| a day ahead                 | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2026-11-02T09:30:00 |            | 2026-11-01T09:30:00 | 2026-11-02T09:30:00 | no         |
| more than a day ahead       | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2026-11-02T09:30:01 |            | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 | yes        |
| 400 days behind             | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2025-09-27T09:30:00 |            | 2026-11-01T09:30:00 | 2025-09-27T09:30:00 | no         |
| more than 400 days behind   | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2025-09-27T09:29:59 |            | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 | yes        |
| it says it is not historical | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2025-09-27T09:29:59 | false     | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 | yes        |
| years behind and historical | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 1999-12-31T23:59:59 | true       | 2026-11-01T09:30:00 | 1999-12-31T23:59:59 | no         |
| historical before all clocks | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 1969-12-31T23:59:59 | true      | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 | yes        |
| historical in the future    | 2026-11-01T09:00 | 2026-11-01T09:30:00 | 2027-01-01T00:00:00 | true       | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 | yes        |
| bus two days late           | 2026-11-01T09:00 | 2026-10-30T09:00:00 | 2026-10-30T09:00:00 |            | 2026-10-30T09:00:00 | 2026-10-30T09:00:00 | no         |
| bus more than two days late | 2026-11-01T09:00 | 2026-10-30T08:59:59 | 2026-10-30T08:59:59 |            | 2026-11-01T09:00:00 | 2026-10-30T08:59:59 | no         |
| bus more than two days early | 2026-11-01T09:00 | 2026-11-03T09:00:01 | 2026-11-01T09:00:00 |           | 2026-11-01T09:00:00 | 2026-11-01T09:00:00 | no         |
| both clocks years off       | 2026-11-01T09:00 | 2036-01-01T00:00:00 | 2036-01-01T00:00:00 |            | 2026-11-01T09:00:00 | 2026-11-01T09:00:00 | yes        |
| outside the layout          |                  | 2036-01-01T00:00:00 | 2036-01-01T00:00:00 |            | 2036-01-01T00:00:00 | 2036-01-01T00:00:00 | no         |
| first hour of the calendar  | 0001-01-01T00:00 | 2026-11-01T09:30:00 | 2026-11-01T09:30:00 |            | 0001-01-01T00:00:00 | 0001-01-01T00:00:00 | yes        |
| last hour of the calendar   | 9999-12-31T23:00 | 9999-12-31T23:59:59 | 0001-01-01T00:00:00 |            | 9999-12-31T23:59:59 | 9999-12-31T23:59:59 | yes        |
""")  # fmt: skip


def time(text: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def table(cases: list[dict[str, str]]) -> pa.Table:
    micros = pa.timestamp("us")
    return pa.table(
        {
            "ingested_at": pa.array([time(c["time"]) for c in cases], micros),
            "occurred_at": pa.array([time(c["occurred"]) for c in cases], micros),
            "is_historical": pa.array(
                [{"true": True, "false": False}.get(c["historical"]) for c in cases], pa.bool_()
            ),
            "n": list(range(len(cases))),
        }
    )


def hours(cases: list[dict[str, str]]) -> pa.Array:
    return pa.array([time(c["hour"]) for c in cases], pa.timestamp("us"))


def wanted(case: dict[str, str]) -> tuple[dt.datetime | None, ...]:
    claim = time(case["occurred"]) if case["claim kept"] == "yes" else None
    return time(case["ingested_at"]), time(case["occurred_at"]), claim


def settled(cases: list[dict[str, str]]) -> list[tuple[dt.datetime | None, ...]]:
    found = settle_times(table(cases), hours(cases)).to_pylist()
    return [(row["ingested_at"], row["occurred_at"], row["claimed_occurred_at"]) for row in found]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["case"])
def test_a_record_is_filed_under(case: dict[str, str]) -> None:
    assert settled([case]) == [wanted(case)]


def test_rows_are_settled_one_by_one() -> None:
    assert settled(CASES) == [wanted(case) for case in CASES]


def test_other_columns_and_the_order_of_columns_stay() -> None:
    found = settle_times(table(CASES[:2]), hours(CASES[:2]))
    assert found.schema.names == ["ingested_at", "occurred_at", "is_historical", "n", "claimed_occurred_at"]
    assert found["n"].to_pylist() == [0, 1]
