"""Records of a raw object replaced, and the object packed again so that it reads as before: numbers, damage and all."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from transforms.unpack import unpack

_GZIP: Final = 31
_LEVEL: Final = 6


def repack(data: bytes, replacement: Callable[[int, bytes], bytes]) -> bytes:
    """The object's bytes with other records.

    Args:
        data: the object as stored.
        replacement: what is to stand for a record, given its number and its bytes; one line.

    An object that was cut stays cut, and members that cannot be read stay behind what can.
    """
    found = unpack(data)
    records = [replacement(number, record) for number, record in enumerate(found.records)]
    text = b"".join(record + b"\n" for record in records)
    if found.truncated:
        return _cut(text.removesuffix(b"\n"))
    return _whole(text) + b"".join(piece.data for piece in found.unreadable)


def _whole(text: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(text) + packer.flush()


def _cut(text: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
