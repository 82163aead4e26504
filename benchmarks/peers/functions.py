"""What the workloads call for each item. Worker processes import this module, so it imports little."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from itertools import repeat

WAIT_SECONDS = 0.005
_SORTED = 200_000


@dataclass(frozen=True, slots=True)
class Burn:
    """Python that computes: a number of empty loops, so that it is the same work whoever does it."""

    loops: int

    def __call__(self, number: int) -> int:
        for _ in repeat(None, self.loops):
            pass
        return number


@dataclass(frozen=True, slots=True)
class SkewedBurn:
    """The same, but one item in a hundred, anywhere in the file, takes 200 times as long."""

    loops: int

    def __call__(self, number: int) -> int:
        # The odd constant is 2**32 divided by the golden ratio (Knuth): it scatters neighbours.
        hard = number * 2_654_435_769 % 2**32 < 2**32 // 100
        for _ in repeat(None, self.loops * 200 if hard else self.loops):
            pass
        return number


def word_beginnings(line: str) -> int:
    """Text in Python: some 20 µs for 80 words."""
    counts: dict[str, int] = {}
    for word in line.split():
        counts[word[:2]] = counts.get(word[:2], 0) + 1
    return 1000 * max(counts.values(), default=0) + len(counts)


def wait(number: int) -> int:
    """A service that answers after 5 ms."""
    time.sleep(WAIT_SECONDS)
    return number


def middle_of_random(seed: int) -> int:
    """NumPy that releases the GIL: draw and sort, some 2.5 ms."""
    import numpy

    values = numpy.random.default_rng(seed).random(_SORTED)
    values.sort()
    return int(values[_SORTED // 2] * 2**40)


def checksum(payload: str) -> int:
    """Little work on much data."""
    return zlib.crc32(payload.encode())
