"""What came of an object besides rows: a row for each rejected record, and what was wrong with it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from contracts.layout import arrival_date
from contracts.validation import Rejection
from transforms.unpack import Unpacked, Unreadable

KEEP_BYTES: Final = 1_048_576
"""Unreadable pieces up to this size are copied into quarantine; larger ones stay in raw only."""

REJECTED: Final = pa.schema(
    [
        ("raw_object", pa.string()),
        ("ingest_date", pa.date32()),
        ("raw_record", pa.int64()),
        ("stage", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
        ("field", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("record", pa.binary()),
    ]
)
"""Columns of a rejected record, before the run adds which and when it was."""

Address = int
"""Where a record stands in a batch: the place of its object, times 2**32, plus its number there."""

PLACE_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class DecodedObject:
    """How many records an object has, how many of them stand for erased ones, and what was wrong with it."""

    records: int
    unread_bytes: int
    problem: str | None
    erased: int = 0


def outcome(
    place: int, rejections: dict[Address, Rejection], unpacked: Unpacked, erased: int = 0
) -> DecodedObject:
    """What an object came to, of which so many records are erased in raw."""
    return DecodedObject(
        records=len(unpacked.records) + len(unpacked.unreadable),
        unread_bytes=len(unpacked.records[-1]) if _broken_tail(place, rejections, unpacked) else 0,
        problem=unpacked.problem,
        erased=erased,
    )


def _broken_tail(place: int, rejections: dict[Address, Rejection], unpacked: Unpacked) -> bool:
    """True when the object was cut inside its last record."""
    if not unpacked.truncated or not unpacked.records:
        return False
    last = rejections.get((place << PLACE_BITS) + len(unpacked.records) - 1)
    return last is not None and last.error_type in {"malformed_json", "invalid_utf8"}


def rejected_rows(
    place: int, rejections: dict[Address, Rejection], raw_object: str, unpacked: Unpacked
) -> list[dict[str, object]]:
    """Rows for the rejected records of one object."""
    base = place << PLACE_BITS
    numbers = [n for n in range(len(unpacked.records)) if base + n in rejections] if rejections else []
    rows = [_rejected_record(n, rejections[base + n], unpacked.records[n]) for n in numbers]
    if _broken_tail(place, rejections, unpacked):
        cut = {"error_type": "truncated_record", "error_message": "The object ends inside this record."}
        rows[-1] = {**rows[-1], **cut}
    first = len(unpacked.records)
    rows += [_unreadable(first + i, piece) for i, piece in enumerate(unpacked.unreadable)]
    where = {"raw_object": raw_object, "ingest_date": arrival_date(raw_object)}
    return [where | row for row in rows]


def _rejected_record(number: int, why: Rejection, record: bytes) -> dict[str, object]:
    return {
        "raw_record": number,
        "stage": "decode",
        "error_type": why.error_type,
        "error_message": why.message,
        "field": why.field,
        "event_type": why.event_type,
        "event_id": why.event_id,
        "record": record,
    }


def _unreadable(number: int, piece: Unreadable) -> dict[str, object]:
    return {
        "raw_record": number,
        "stage": "decode",
        "error_type": piece.error_type,
        "error_message": piece.message,
        "record": piece.data if len(piece.data) <= KEEP_BYTES else None,
    }
