"""Seeded draws, in the words the shop uses."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


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
        return bisect(cumulative, self.random() * cumulative[-1], hi=len(cumulative) - 1)

    def token(self) -> str:
        """16 hexadecimal digits."""
        return f"{self.getrandbits(64):016x}"

    def uuid(self) -> str:
        """Text in the form of a UUID of version 4."""
        return self.uuids()[0]

    def uuids(self) -> tuple[str, str]:
        """Two of them, in one draw."""
        h = f"{self.getrandbits(256):064x}"
        first = f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"
        return first, f"{h[32:40]}-{h[40:44]}-4{h[45:48]}-a{h[49:52]}-{h[52:]}"
