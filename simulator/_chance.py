"""Seeded draws, in the words the shop uses."""

from __future__ import annotations

from binascii import hexlify
from bisect import bisect
from collections.abc import Sequence
from random import Random
from struct import Struct
from typing import Final, TypeVar

T = TypeVar("T")

_UUIDS: Final = b"%b-%b-4%b-a%b-%b %b-%b-4%b-a%b-%b"
_UUID_PIECES: Final = Struct("8s4sx3sx3s12s" * 2)
"""The hexadecimal digits of two UUIDs, less those that tell version and variant."""


class Chance(Random):
    """A random generator whose draws follow from its seed alone. Draws are never used for money directly."""

    def chance(self, share: float) -> bool:
        """True in `share` of all cases."""
        return self.random() < share

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1; several times faster than `randrange`."""
        return int(self.random() * bound)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One item, all equally likely."""
        return items[int(self.random() * len(items))]

    def weighted(self, cumulative: Sequence[float]) -> int:
        """An index, by cumulative weights."""
        return bisect(cumulative, self.random() * cumulative[-1], 0, len(cumulative) - 1)

    def token(self) -> str:
        """16 hexadecimal digits."""
        return self.getrandbits(64).to_bytes(8).hex()

    def uuid(self) -> str:
        """Text in the form of a UUID of version 4."""
        return self.uuids()[0]

    def uuids(self) -> tuple[str, str]:
        """Two of them, in one draw."""
        pieces = _UUID_PIECES.unpack(hexlify(self.getrandbits(256).to_bytes(32)))
        first, second = (_UUIDS % pieces).decode().split()
        return first, second
