"""Ranges: a set of whole numbers that mostly follow each other, in little room."""

from __future__ import annotations

from bisect import bisect_right


class Ranges:
    """Whole numbers, kept as ranges [from, to) that neither touch nor overlap."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def __len__(self) -> int:
        """Return the number of ranges."""
        return len(self._starts)

    def add(self, number: int) -> None:
        """Let a number be in the set."""
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, number)
        if at and number < ends[at - 1]:
            return
        follows = at > 0 and ends[at - 1] == number
        precedes = at < len(starts) and starts[at] == number + 1
        if follows and precedes:
            ends[at - 1] = ends.pop(at)
            del starts[at]
        elif follows:
            ends[at - 1] += 1
        elif precedes:
            starts[at] = number
        else:
            starts.insert(at, number)
            ends.insert(at, number + 1)
