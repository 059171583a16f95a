"""Groups of numbers that grow together (union-find)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class Forest:
    """Groups of the numbers 0, 1, …; a group is named by its least number."""

    def __init__(self, groups: Numbers) -> None:
        self._parents: Final[list[int]] = groups.tolist()

    def name(self, number: int) -> int:
        """The name of a number's group."""
        parents = self._parents
        while (parent := parents[number]) != number:
            parents[number] = number = parents[parent]
        return number

    def join(self, kept: int, absorbed: int) -> None:
        """Make one group of two, by their names; the lesser is `kept`."""
        self._parents[absorbed] = kept

    def names(self) -> Numbers:
        """The name of each number's group."""
        names = np.array(self._parents, dtype=np.int64)
        while not np.array_equal(names, further := names[names]):
            names = further
        return names


def apart(size: int) -> Numbers:
    """Groups of one."""
    return np.arange(size, dtype=np.int64)
