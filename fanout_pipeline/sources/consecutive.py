"""Some items of a sequence that is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fanout_pipeline.sources.source import BadInput

_BLOCK_ITEMS = 4096


class Consecutive(Sequence[Any]):
    """Consecutive items of a sequence, which are not copied: of a long list that takes as long as quick calls."""

    def __init__(self, items: Sequence[Any], start: int, stop: int):
        self._items = items
        self._range = range(start, stop)

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[Any]:
        # One by one it would take as long as a quick call, for each.
        for first in range(0, len(self), _BLOCK_ITEMS):
            yield from self[first : first + _BLOCK_ITEMS]

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            return self._items[self._range[position]]
        rows = self._range[position]
        found = self._items[rows.start : rows.stop : rows.step]
        if len(found) < len(rows):
            raise BadInput(
                "The items have become fewer while they were called: give a copy of them."
            )
        return found
