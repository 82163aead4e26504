"""Cuts a slice of calls short that takes longer than it should: items have become dear in the middle of it.

Between two slices the clock is read, but not between two items, which costs as much as a quick one. A slice is a list
of its own, though, over which an iterator goes: another thread removes the end of it, and it ends after the call in
progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Cutting:
    """The slice of calls in progress in one thread."""

    def __init__(self) -> None:
        self._calling: tuple[Any, int] | None = None
        """The results that are being appended, and what to add to their number for the position of the next item."""
        self._slice: tuple[list[Any], int] = [], 0
        """The items of the slice, and the position of the first."""

    def follow(self, results: Any, first: int) -> None:
        """Results are being appended, beginning with that of the item at this position."""
        self._calling = results, first - len(results)

    def sliced(self, items: Sequence[Any], first: int) -> None:
        """These items are called next; `first` is the position of the first in the chunk."""
        if type(items) is list:
            self._slice = items, first

    def position(self) -> int | None:
        """The position of the item that is being called; None between calls."""
        if self._calling is None:
            return None
        results, offset = self._calling
        position: int = offset + getattr(results, "given", len(results))
        return position

    def cut(self) -> None:
        """End the slice after the call in progress. For another thread."""
        position, (items, first) = self.position(), self._slice
        if position is not None and position >= first:
            del items[position - first + 1 :]
