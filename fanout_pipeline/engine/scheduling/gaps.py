"""What is left to do of ranges of the source, in the source's own unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class Ranged(Protocol):
    """A range of the source: a finished one, or a chunk."""

    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


def gaps(
    ranges: Iterable[tuple[int, int]], finished: Iterable[Ranged]
) -> Iterator[tuple[int, int]]:
    """What is not finished of some ranges. Both are in order, and iterated over once."""
    left = iter(finished)
    one = next(left, None)
    for start, stop in ranges:
        begun = start
        while one is not None and one.start < stop:
            if begun < one.start:
                yield begun, one.start
            begun = max(begun, one.stop)
            if one.stop > stop:  # it extends into the next range
                break
            one = next(left, None)
        if begun < stop:
            yield begun, stop
