"""A raw object's bytes → its records. What cannot be unpacked is named and kept, member by member."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from isal import isal_zlib
from isal.igzip_lib import IsalError

MAX_OBJECT_BYTES: Final = 512 * 1024 * 1024
"""Most bytes one object may unpack to; Firehose closes an object at 128 MiB."""

_GZIP: Final = 31


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A piece of an object that holds no readable record."""

    error_type: str
    message: str
    data: bytes


@dataclass(slots=True)
class Unpacked:
    """The records of an object in order, and what was wrong with it."""

    records: list[bytes] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    truncated: bool = False
    problem: str | None = None


def unpack(data: bytes, *, max_bytes: int = MAX_OBJECT_BYTES) -> Unpacked:
    """Unzip and split an object.

    Every gzip member is checked (CRC and length). After corruption inflate goes on with wrong bytes, so a member that fails
    is kept whole as unreadable, with all that follows it; members before it count. A truncated member keeps its records.
    """
    found = Unpacked()
    if not data:
        found.problem = "empty_object"
        return found
    texts: list[bytes] = []
    rest, room = data, max_bytes
    while rest is data or rest.strip(b"\0"):
        text, rest = _member(rest, room, found)
        texts.append(text)
        room -= len(text)
    found.records = _split(b"".join(texts))
    if found.truncated and not found.records:
        found.unreadable.append(
            Unreadable("truncated_object", "The object ends before its first record.", data)
        )
    return found


def _member(data: bytes, room: int, found: Unpacked) -> tuple[bytes, bytes]:
    """The text of the first gzip member, and the bytes after it."""
    inflate = isal_zlib.decompressobj(_GZIP)
    try:
        text: bytes = inflate.decompress(data, room + 1)
    except IsalError as e:  # type: ignore[misc]  # its stub says instance, not class
        _give_up(
            found,
            "corrupt_object",
            f"A gzip member is corrupt ({e}); its {len(data)} bytes hold no trusted record.",
            data,
        )
        return b"", b""
    if len(text) > room:
        _give_up(
            found,
            "decompression_bomb",
            f"The object unpacks to more bytes than the {room} left of its limit.",
            data,
        )
        return b"", b""
    if not inflate.eof:
        found.truncated, found.problem = True, "truncated_object"
        return text, b""
    return text, inflate.unused_data


def _give_up(found: Unpacked, error_type: str, message: str, data: bytes) -> None:
    found.problem = error_type
    found.unreadable.append(Unreadable(error_type, message, data))


def _split(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if b"}{" not in text:
        return lines
    return [record for line in lines for record in (_joined(line) if b"}{" in line else (line,))]


def _joined(line: bytes) -> Iterator[bytes]:
    """Firehose joins records that end without a newline; part them where one JSON object ends and the next begins."""
    text = line.decode(errors="surrogateescape")  # one bad byte must not take the neighbours along
    start, scan = 0, json.JSONDecoder().raw_decode
    while start < len(text):
        try:
            _, end = scan(text, start)
        except (ValueError, RecursionError):
            end = len(text)
        yield text[start:end].encode(errors="surrogateescape")
        start = end
