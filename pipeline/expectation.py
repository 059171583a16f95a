"""What a reprocess may change: held against what differs, before any of it is published."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.backfills import Expectation
from contracts.errors import ExpectationError
from contracts.layout import CURATED
from pipeline.restate import TableDifference


def hold_against(expected: Expectation, differences: Iterable[TableDifference]) -> None:
    """See that what differs is what was expected.

    Raises:
        ExpectationError: naming all that was not expected.
    """
    wrong = [text for each in differences if each.event_type for text in _unexpected(expected, each)]
    if wrong:
        raise ExpectationError(
            f"Not as expected: {'; '.join(wrong)}. Nothing of this slice was published. Mend the contract, or what is expected."
        )


def _unexpected(expected: Expectation, found: TableDifference) -> Iterable[str]:
    if found.event_type not in expected.events:
        yield f"rows of {found.event_type} differ"
        return
    added, removed = (sum(getattr(day, what) for day in found.days) for what in ("added", "removed"))
    if expected.columns is not None:
        if added or removed:
            yield f"{CURATED}.{found.event_type} gains {added} rows and loses {removed}"
        changed = {name for day in found.days for name in day.columns} - set(expected.columns)
        if changed:
            yield f"columns of {found.event_type} change too: {', '.join(sorted(changed))}"
    if expected.rows_within is not None:
        share = abs(found.rows_after - found.rows_before) / max(found.rows_before, 1)
        if share > expected.rows_within:
            yield (
                f"{found.event_type} has {found.rows_after} rows after {found.rows_before}, {share:.2%} off "
                f"where {expected.rows_within:.2%} were allowed"
            )
