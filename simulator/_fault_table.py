"""The faults that can be mixed in, how often, and what must become of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: how many of it come on a good event, and its outcome.

    `expected` is curated, duplicate or quarantined, the last with an `error_type`. Faults of a whole object are counted by
    objects. `most` bounds a run.
    """

    name: str
    share: float
    expected: str
    error_type: str | None = None
    most: int | None = None


RECORD_FAULTS: Final = (
    Fault("duplicate_in_object", 0.002, "duplicate"),
    Fault("duplicate_across_objects", 0.001, "duplicate"),
    Fault("duplicate_across_days", 0.001, "duplicate"),
    Fault("conflict", 0.0005, "quarantined", "conflict"),
    Fault("conflict_across_types", 0.0003, "quarantined", "conflict"),
    Fault("late", 0.002, "curated"),
    Fault("clock_ahead", 0.0003, "curated"),
    Fault("clock_behind", 0.0003, "curated"),
    Fault("joined_records", 0.0003, "curated"),
    Fault("unknown_field_in_envelope", 0.0003, "curated"),
    Fault("unknown_field_in_data", 0.0003, "curated"),
    Fault("unknown_field_in_metadata", 0.0003, "curated"),
    Fault("truncated_line", 0.0003, "quarantined", "malformed_json"),
    Fault("garbage_line", 0.0003, "quarantined", "malformed_json"),
    Fault("empty_line", 0.0003, "quarantined", "malformed_json"),
    Fault("not_an_envelope", 0.0003, "quarantined", "not_an_envelope"),
    Fault("invalid_utf8", 0.0003, "quarantined", "invalid_utf8"),
    Fault("unknown_event_type", 0.0003, "quarantined", "unknown_event_type"),
    Fault("unknown_version", 0.0003, "quarantined", "unknown_version"),
    Fault("missing_field", 0.0003, "quarantined", "missing_field"),
    Fault("wrong_type", 0.0003, "quarantined", "wrong_type"),
    Fault("bad_enum", 0.0003, "quarantined", "not_in_enum"),
    Fault("out_of_range", 0.0003, "quarantined", "out_of_range"),
    Fault("bad_money", 0.0003, "quarantined", "bad_format"),
    Fault("money_as_number", 0.0003, "quarantined", "wrong_type"),
    Fault("bad_time", 0.0003, "quarantined", "bad_format"),
    Fault("local_time", 0.0003, "quarantined", "bad_format"),
    Fault("duplicate_key", 0.0003, "quarantined", "duplicate_key"),
    Fault("deep_nesting", 0.0001, "quarantined", "deep_nesting", most=20),
    Fault("oversized_record", 0.0001, "quarantined", "oversized_record", most=2),
)
"""Faults of a line within an ordinary object."""

OBJECT_FAULTS: Final = (
    Fault("truncated_object", 0.0002, "quarantined", "truncated_record"),
    Fault("object_without_records", 0.0002, "quarantined", "truncated_object"),
    Fault("bad_checksum", 0.0002, "quarantined", "corrupt_object"),
    Fault("bad_second_member", 0.0002, "quarantined", "corrupt_object"),
    Fault("not_gzip", 0.0002, "quarantined", "corrupt_object"),
    Fault("several_members", 0.0002, "curated"),
    Fault("empty_object", 0.0002, "curated"),
)
"""Faults of an object of its own, which holds nothing but copies of earlier events and fresh page views."""

FAULTS: Final = (*RECORD_FAULTS, *OBJECT_FAULTS)
"""Every fault there is."""
