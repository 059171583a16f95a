"""Objects that are wrong as a whole. They hold copies of earlier events, so that losing them loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from simulator._fault_table import Fault
from simulator._objects import BrokenObject, Mark, cut_short, gzipped
from simulator._victims import Envelope, Victims

_COPIES: Final = 4
_GZIP_HEADER: Final = 10
_CHECKSUM: Final = 8

Breaker = Callable[[Victims, int, Fault], BrokenObject | None]


def _copies(victims: Victims, now: int) -> list[Envelope]:
    found = [victims.today(now) for _ in range(_COPIES)]
    return [victims.again(victim, now) for victim in {v.line: v for v in found if v}.values()]


def _text(envelopes: list[Envelope]) -> bytes:
    return b"".join(orjson.dumps(envelope) + b"\n" for envelope in envelopes)


def _event_id(envelope: Envelope) -> str:
    return str(envelope["detail"]["metadata"]["event_id"])


def _lost(fault: Fault) -> Mark:
    """The one record that an unreadable object, or piece of it, counts as."""
    return Mark(fault.name, fault.expected, fault.error_type, None)


def _found_again(fault: Fault, envelopes: list[Envelope]) -> list[Mark]:
    return [Mark(fault.name, "duplicate", None, _event_id(e)) for e in envelopes]


def _truncated(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    copies = _copies(victims, now)
    if len(copies) < 2:  # noqa: PLR2004 one to read, one to cut
        return None
    *whole, last = copies
    half = orjson.dumps(last)[: len(orjson.dumps(last)) // 2]
    return BrokenObject(cut_short(_text(whole) + half), (*_found_again(fault, whole), _lost(fault)))


def _without_records(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    copies = _copies(victims, now)
    return BrokenObject(gzipped(_text(copies))[:_GZIP_HEADER], (_lost(fault),)) if copies else None


def _bad_checksum(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    copies = _copies(victims, now)
    return BrokenObject(_spoilt(_text(copies)), (_lost(fault),)) if copies else None


def _bad_second_member(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    copies = _copies(victims, now)
    data = gzipped(_text(copies)) + _spoilt(_text(copies))
    return BrokenObject(data, (*_found_again(fault, copies), _lost(fault))) if copies else None


def _spoilt(text: bytes) -> bytes:
    data = gzipped(text)
    checksum = bytes(b ^ 0xFF for b in data[-_CHECKSUM : -_CHECKSUM // 2])
    return data[:-_CHECKSUM] + checksum + data[-_CHECKSUM // 2 :]


def _not_gzip(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    copies = _copies(victims, now)
    return BrokenObject(_text(copies), (_lost(fault),)) if copies else None


def _several_members(victims: Victims, now: int, fault: Fault) -> BrokenObject | None:
    fresh = [e for e in (victims.fresh("page_viewed", now) for _ in range(_COPIES)) if e]
    marks = tuple(Mark(fault.name, fault.expected, None, _event_id(e)) for e in fresh)
    return BrokenObject(b"".join(gzipped(_text([e])) for e in fresh), marks) if fresh else None


def _empty(_victims: Victims, _now: int, _fault: Fault) -> BrokenObject:
    return BrokenObject(b"", ())


BROKEN: Final[Mapping[str, Breaker]] = {
    "truncated_object": _truncated,
    "object_without_records": _without_records,
    "bad_checksum": _bad_checksum,
    "bad_second_member": _bad_second_member,
    "not_gzip": _not_gzip,
    "several_members": _several_members,
    "empty_object": _empty,
}
"""Makers of broken objects, by fault."""
