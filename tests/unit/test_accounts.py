from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from contracts.errors import ConservationError
from pipeline._tasks import StagedBatch, StagedObject
from pipeline.accounts import Account, draw_up, ledger_rows, totals
from pipeline.settle import Settled
from tests.records import DECLARATIONS, HOUR

NOON = dt.datetime(2026, 11, 1, 12)  # noqa: DTZ001 times in tables carry no zone


def staged(name: str, records: int, *, passed: int = 0, rejected: int = 0) -> StagedObject:
    return StagedObject(f"{HOUR}/{name}", 100, records, passed, rejected, 0, None)


def batch(*objects: StagedObject) -> StagedBatch:
    return StagedBatch(objects, {}, None)


def settled(displaced: list[dict[str, Any]] | None = None, **fates: dict[str, int]) -> Settled:
    return Settled(
        fates={f"{HOUR}/{name}": counts for name, counts in fates.items()}, displaced=displaced or []
    )


def moved(name: str, before: str, after: str) -> dict[str, Any]:
    return {"raw_object": name, "raw_record": 0, "fate_before": before, "fate": after}


def test_every_record_of_an_object_is_somewhere() -> None:
    work = [batch(staged("a", 10, rejected=2, passed=8), staged("b", 1, rejected=1))]
    first, second = draw_up(work, settled(a={"duplicate": 2, "conflict": 1}), written=5)
    assert (first.records, first.curated, first.duplicates, first.quarantined) == (10, 5, 2, 3)
    assert (second.records, second.curated, second.quarantined) == (1, 0, 1)
    assert [first.missing, second.missing] == [0, 0]


@pytest.mark.parametrize("records", [9, 11])
def test_a_record_too_few_or_too_many_stops_the_run(records: int) -> None:
    with pytest.raises(
        ConservationError, match=rf"object {HOUR}/a misses {records - 10} records.*Nothing was published"
    ) as e:
        draw_up([batch(staged("a", records, rejected=2, passed=8))], settled(), written=8)
    assert e.value.exit_code == 1


@pytest.mark.parametrize("written", [7, 9])
def test_rows_written_that_are_not_those_due_stop_the_run(written: int) -> None:
    with pytest.raises(ConservationError, match=f"8 rows due, {written} written"):
        draw_up([batch(staged("a", 8, passed=8))], settled(), written=written)


@pytest.mark.parametrize(
    ("before", "after", "curated", "duplicates", "quarantined"),
    [
        ("curated", "duplicate", -1, 1, 0),
        ("curated", "conflict", -1, 0, 1),
        ("conflict", "duplicate", 0, 1, -1),
        ("conflict", "curated", 1, 0, -1),
    ],
)
def test_a_record_of_an_earlier_run_whose_fate_changed_is_a_correction_that_sums_to_nothing(
    before: str, after: str, curated: int, duplicates: int, quarantined: int
) -> None:
    (account,) = draw_up([], settled([moved("old", before, after)]), written=0)
    assert account == Account("old", curated=curated, duplicates=duplicates, quarantined=quarantined)
    assert (account.records, account.missing) == (0, 0)


def test_corrections_are_one_row_an_object() -> None:
    changes = [
        moved("x", "curated", "duplicate"),
        moved("x", "curated", "conflict"),
        moved("y", "conflict", "duplicate"),
    ]
    accounts = {a.raw_object: a for a in draw_up([], settled(changes), written=0)}
    assert accounts["x"] == Account("x", curated=-2, duplicates=1, quarantined=1)
    assert accounts["y"] == Account("y", duplicates=1, quarantined=-1)


def test_the_ledger_has_a_column_for_everything_in_an_account() -> None:
    account = Account(f"{HOUR}/a", records=1, curated=1, problem="truncated_object")
    (row,) = ledger_rows([account], "r1", NOON, 7)
    assert set(row) == {f.name for f in DECLARATIONS.tables["ledger"].fields}
    told = {name: row[name] for name in ("ingest_date", "run_id", "release", "recorded_at")}
    assert told == {
        "ingest_date": dt.date(2026, 11, 1),
        "run_id": "r1",
        "release": 7,
        "recorded_at": NOON,
    }


def test_totals_add_up_accounts_and_corrections() -> None:
    accounts = [Account("a", records=3, curated=2, quarantined=1), Account("b", curated=-1, duplicates=1)]
    wanted = {"records": 3, "curated": 1, "duplicates": 1, "quarantined": 1, "erased": 0, "missing": 0}
    assert totals(accounts) == wanted
