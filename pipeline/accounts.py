"""Conservation: where every record of every object went."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from contracts.errors import ConservationError
from contracts.layout import arrival_date
from pipeline._tasks import StagedBatch, StagedObject
from pipeline.settle import Settled

_NUMBERS: Final = (
    "object_bytes", "records", "curated", "duplicates", "quarantined", "erased", "unread_bytes",
)  # fmt: skip
_FATES = {"curated": "curated", "duplicate": "duplicates", "conflict": "quarantined"}


@dataclass(slots=True)
class Account:
    """One object's records, or the correction of an earlier account (then `records` is 0 and the rest sums to 0)."""

    raw_object: str
    object_bytes: int = 0
    records: int = 0
    curated: int = 0
    duplicates: int = 0
    quarantined: int = 0
    erased: int = 0
    unread_bytes: int = 0
    problem: str | None = None

    @property
    def missing(self) -> int:
        """Records that are nowhere; anything but 0 is a defect."""
        return self.records - self.curated - self.duplicates - self.quarantined - self.erased


def difference(now: Account, before: Account) -> Account | None:
    """The correction that makes `now` of an account `before`; None where they say the same."""
    if now == before:
        return None
    numbers = {name: getattr(now, name) - getattr(before, name) for name in _NUMBERS}
    return Account(now.raw_object, **numbers, problem=now.problem)


def draw_up(staged: list[StagedBatch], settled: Settled, written: int) -> list[Account]:
    """The accounts of a run.

    Args:
        staged: its batches as decoded.
        settled: what deduplication decided.
        written: rows counted in the Parquet files of its curated tables.

    Raises:
        ConservationError: when an account does not add up, or the rows written are not those it says.
    """
    accounts = [
        _account(each, settled.fates.get(each.raw_object, {})) for batch in staged for each in batch.objects
    ]
    corrections = _corrections(settled)
    off = [a for a in (*accounts, *corrections) if a.missing]
    counted = sum(a.curated for a in accounts)
    if off or counted != written:
        what = (
            f"object {off[0].raw_object} misses {off[0].missing} records"
            if off
            else f"{counted} rows due, {written} written"
        )
        raise ConservationError(
            f"Conservation broken: {what}. Nothing was published; please report this with the run's raw objects."
        )
    return [*accounts, *corrections]


def _account(staged: StagedObject, fates: dict[str, int]) -> Account:
    duplicates, conflicts = fates.get("duplicate", 0), fates.get("conflict", 0)
    return Account(
        raw_object=staged.raw_object,
        object_bytes=staged.object_bytes,
        records=staged.records,
        curated=staged.passed - duplicates - conflicts,
        duplicates=duplicates,
        quarantined=conflicts + staged.rejected,
        erased=staged.erased,
        unread_bytes=staged.unread_bytes,
        problem=staged.problem,
    )


def _corrections(settled: Settled) -> list[Account]:
    by_object: dict[str, Account] = {}
    for row in settled.displaced:
        name = str(row["raw_object"])
        account = by_object.setdefault(name, Account(name))
        for fate, step in ((row["fate_before"], -1), (row["fate"], 1)):
            column = _FATES[str(fate)]
            setattr(account, column, getattr(account, column) + step)
    return list(by_object.values())


def ledger_rows(
    accounts: list[Account], run_id: str, started_at: dt.datetime, release: int
) -> list[dict[str, object]]:
    """Rows of the ledger table, as the run writes them that will be the release."""
    return [
        {
            **{name: getattr(account, name) for name in Account.__dataclass_fields__},
            "ingest_date": arrival_date(account.raw_object),
            "run_id": run_id,
            "release": release,
            "recorded_at": started_at,
        }
        for account in accounts
    ]


def totals(accounts: list[Account]) -> dict[str, int]:
    """Sums over accounts: records, curated, duplicates, quarantined, erased, missing."""
    sums: dict[str, int] = defaultdict(int)
    for account in accounts:
        for name in ("records", "curated", "duplicates", "quarantined", "erased", "missing"):
            sums[name] += getattr(account, name)
    return dict(sums)
