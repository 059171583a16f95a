"""Repair: rejected records changed by a rule, and what is valid then sent through the front door again."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from contracts.json_text import repeated_key
from contracts.layout import DEFAULT_BUS
from contracts.repairs import RepairRule
from contracts.validation import Foreign, Rejection, Validator
from ingestion.event_log import EventLog, Returned
from ingestion.publisher import utc_now
from lakehouse.lake import Lake
from lakehouse.sql import connect, release_of
from transforms.foreign import ForeignReader

SHOWN: Final = 5
"""Records of which before and after are shown."""
_AT_ONCE: Final = 500
_ROWS: Final = """
select raw_object, raw_record, error_type, field, event_type, event_id, record
from platform.quarantine
where record is not null and (len($reasons) = 0 or list_contains($reasons, error_type)) and (len($types) = 0 or list_contains($types, event_type))
order by raw_object, raw_record"""
_CURATED: Final = "select event_id from platform.event_ids semi join wanted using (event_id)"

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Example:
    """A record before and after."""

    place: str
    before: str
    after: str


@dataclass(slots=True)
class RepairReport:
    """What a rule did: rows it matched; records let in; those whose event is in already; those not valid still, by reason."""

    matched: int = 0
    fixed: int = 0
    already_in: int = 0
    failing: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)


def repair(
    lake: Lake,
    rule: RepairRule,
    *,
    dry_run: bool = False,
    bus: str = DEFAULT_BUS,
    clock: Callable[[], dt.datetime] = utc_now,
) -> RepairReport:
    """Try a rule on every record of quarantine that it matches, and let those that it makes valid in again, by the event log.

    Such a record keeps its event_id and names the rule in `detail.metadata.replay.repaired_by`. Records whose event_id is curated by now, and those that
    were let in before, are left alone.

    Args:
        lake: whose quarantine; that of its newest release.
        rule: of `load_repair_rule`.
        dry_run: let nothing in.
        bus: the part of raw that they land in.
        clock: the time now, with zone.

    Raises:
        StorageError: when the event log cannot be written; running again is safe.
    """
    attempt = _Attempt(rule, _Verdict(lake), clock)
    for row in _matched(lake, rule):
        attempt.take(row)
    report, fixed = attempt.report, attempt.fixed
    report.fixed = len(fixed) if dry_run else _let_in(lake, fixed, bus, clock)
    report.already_in += len(fixed) - report.fixed
    return report


class _Attempt:
    """A rule tried on one row after the other; `fixed` are the records that it makes valid."""

    def __init__(self, rule: RepairRule, verdict: _Verdict, clock: Callable[[], dt.datetime]) -> None:
        self._rule = rule
        self._verdict = verdict
        self._clock = clock
        self.report = RepairReport()
        self.fixed: list[Returned] = []

    def take(self, row: dict[str, Any]) -> None:
        """Try the rule on a row of quarantine."""
        self.report.matched += 1
        if row["is_curated"]:
            self.report.already_in += 1
            return
        repaired = _repaired(self._rule, row["record"])
        reason = self._verdict.reason(repaired) if repaired else str(row["error_type"])
        if repaired is None or reason is not None:
            self.report.failing[str(reason)] += 1
            return
        place = f"quarantine {row['raw_object']} {row['raw_record']}"
        self.fixed.append(Returned(place, repaired, self._clock()))
        if len(self.report.examples) < SHOWN:
            self.report.examples.append(Example(place, _text(row["record"]), _text(repaired)))


def _matched(lake: Lake, rule: RepairRule) -> Iterator[dict[str, Any]]:
    """Rows of quarantine that the rule is for, and whether their event is curated."""
    with connect(lake, release_of(lake)) as connection:
        words = {
            "reasons": list(rule.match.get("error_type", ())),
            "types": list(rule.match.get("event_type", ())),
        }
        rows = connection.sql(_ROWS, params=words).to_arrow_table().to_pylist()
        found = [row for row in rows if rule.matches(row)]
        ids = [row["event_id"] for row in found if row["event_id"] is not None]
        connection.execute(
            "create temp table wanted as select unnest($ids::varchar[]) as event_id", {"ids": ids}
        )
        curated = {event_id for (event_id,) in connection.execute(_CURATED).fetchall()}
    for row in found:
        yield {**row, "is_curated": row["event_id"] in curated}


def _repaired(rule: RepairRule, record: bytes) -> bytes | None:
    """The record as the rule makes it, marked; None for one that is no JSON object, or that it leaves as it was."""
    try:
        if repeated_key(record):
            return None
        found, before = _decode(record), _decode(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    rule.repair(found)
    if found == before:
        return None
    detail = found.get("detail")
    metadata = detail.setdefault("metadata", {}) if isinstance(detail, dict) else None
    if isinstance(metadata, dict):
        metadata["replay"] = {"repaired_by": rule.name}
    return _encode(found)


class _Verdict:
    """What curate would say of a record."""

    def __init__(self, lake: Lake) -> None:
        self._validator = Validator(lake.declarations)
        self._foreign = ForeignReader()

    def reason(self, record: bytes) -> str | None:
        """The reason for which it would be rejected, or None."""
        found = self._validator.read(record)
        if isinstance(found, Foreign):
            (made,) = self._foreign.read(found.accepted, [record])
            found = made if isinstance(made, Rejection) else self._validator.read_own(made)
        return found.error_type if isinstance(found, Rejection) else None


def _let_in(lake: Lake, fixed: list[Returned], bus: str, clock: Callable[[], dt.datetime]) -> int:
    with EventLog(lake.log_path) as log:
        batches = (fixed[i : i + _AT_ONCE] for i in range(0, len(fixed), _AT_ONCE))
        return sum(len(log.redrive(batch, bus=bus, now=clock())) for batch in batches)


def _text(record: bytes) -> str:
    return record.decode("utf-8", "backslashreplace")
