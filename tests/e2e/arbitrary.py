"""Strategies for anything that a producer, or a wire, can make of an event."""

from __future__ import annotations

import copy
import gzip
import json
from typing import Any, Final

from hypothesis import strategies as st
from records import DECLARATIONS, VERSIONS

from contracts.samples import record

EVENT_IDS: Final = ("e-1", "e-2", "e-3")
TIMES: Final = (
    "2026-11-01T09:30:00Z",
    "2026-11-01T11:30:00.5+02:00",
    "2026-11-01t09:30:00z",
    "2026-11-01 09:30:00Z",
    "2026-11-01T09:30:00.123456789Z",
    "2026-11-01T09:30:60Z",
    "2026-11-01T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00Z",
    "1600-02-29T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59.999999Z",
    "-0001-01-01T00:00:00Z",
    "12026-11-01T09:30:00Z",
    "2026-11-01T09:30:00-00:00",
    "2026-11-01T09:30:00",
    "2026-11-01",
    "",
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 1e300, 2**63, -(2**63), 2**63 - 1, 2**64, 10**400,
    "", " ", "0", "-0", "0.00001", "99999999999999.9999", "100000000000000", "1e5", "NaN", "٣",
    "\x00", chr(0xD800), "🍮", "x" * 5000, "EUR", "eur", [], [[]], {}, {"": {}}, {"a/b~c": 1}, *TIMES,
)  # fmt: skip
ODD_LINES: Final = (
    b"", b" ", b"\t", b"\r", b"null", b"0", b"{}", b"[]", b'""', b"{", b"}", b"}{", b"{}{}", b'{"a":}{"b":1}', b"\xef\xbb\xbf{}",
    b"\x00", b"\xff", b"\x1f\x8b", b'{"detail-type":"page_viewed"}', b'{"detail-type":"page_viewed","detail":null}',
    b'{"detail-type":"page_viewed","detail":{"metadata":null}}', b'{"detail-type":"../../etc","detail":{"metadata":{}}}',
    b'{"detail-type":"","detail":{}}', b'{"detail-type":7,"detail":{}}', b'{"detail-type":"page_viewed","detail":{"metadata":[]}}',
    b'{"a":' * 300 + b"1" + b"}" * 300, b"[" * 100_000, b'{"detail-type":"page_viewed","detail":' + b"[" * 50_000,
    b"-", b"1e400", b"NaN", b'{"a":1,"a":2}', b"'", b'{"detail-type":"page_viewed","detail":{"metadata":{"schema_version":1e0}}}',
)  # fmt: skip

_RECORDS: Final = [record(DECLARATIONS, version) for version in VERSIONS]


def _paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for key, child in value.items() for p in ((*here, key), *_paths(child, (*here, key)))]
    if isinstance(value, list):
        return [p for i, child in enumerate(value) for p in ((*here, i), *_paths(child, (*here, i)))]
    return []


def _home(made: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        made = made[step]
    return made


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A valid record of any contract, one of few ids, so that copies and conflicts are many."""
    made: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(_RECORDS)))
    made["detail"]["metadata"]["event_id"] = draw(st.sampled_from(EVENT_IDS))
    made["time"] = draw(st.sampled_from(TIMES))
    return made


@st.composite
def changed_events(draw: st.DrawFn) -> dict[str, Any]:
    """A record in which values were replaced, added or taken out."""
    made = draw(events())
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(made)))
        home = _home(made, path)
        match draw(st.sampled_from(("replace", "remove", "add", "move"))):
            case "replace":
                home[path[-1]] = draw(odd_values())
            case "remove":
                del home[path[-1]]
            case "add" if isinstance(home, dict):
                home[draw(st.sampled_from(("unknown", "a/b~c", "metadata", "", "detail")))] = draw(
                    odd_values()
                )
            case _:
                made["detail"]["metadata"]["occurred_at"] = draw(st.sampled_from(TIMES))
        if not isinstance(made.get("detail"), dict) or not isinstance(made["detail"].get("metadata"), dict):
            break
    return made


def odd_values() -> st.SearchStrategy[Any]:
    """Values that are seldom what a contract has in mind."""
    return st.one_of(
        st.sampled_from(ODD_VALUES).map(copy.deepcopy),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda below: (
                st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3)
            ),
            max_leaves=5,
        ),
    )


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """The text of a record with some bytes overwritten, taken out or said twice."""
    text = json.dumps(draw(events())).encode()
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 20)))
    return text[:start] + draw(st.sampled_from((b"", text[start:end] * 2, b"\xff", b'"', b"}{"))) + text[end:]


def lines() -> st.SearchStrategy[bytes]:
    """One line of a raw object."""
    said = st.one_of(events(), changed_events()).map(json.dumps).map(str.encode)
    return st.one_of(
        said,
        said,
        damaged_lines(),
        st.sampled_from(ODD_LINES),
        st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ")),
        st.tuples(said, said).map(b"".join),
    )


def texts() -> st.SearchStrategy[bytes]:
    """The text of a raw object."""
    return st.lists(lines(), max_size=12).map(b"\n".join)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """The bytes of a raw object: members of gzip, now and then cut, spoilt or none at all."""
    members = draw(st.lists(texts(), min_size=1, max_size=2))
    data = b"".join(gzip.compress(text, compresslevel=1, mtime=0) for text in members)
    match draw(st.sampled_from(("whole", "whole", "cut", "spoilt", "padded", "bytes"))):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "spoilt":
            at = draw(st.integers(0, len(data) - 1))
            return data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
        case "padded":
            return data + draw(st.sampled_from((b"\0" * 512, b"\n", b"tail")))
        case "bytes":
            return draw(st.binary(max_size=60))
        case _:
            return data
