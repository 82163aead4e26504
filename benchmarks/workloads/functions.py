"""What the workloads call for each item. Worker processes import this module, so it imports little."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

LOAD_SECONDS = 1.0
_MEGABYTE = bytes(range(256)) * 4096
_TABLE = bytes((n * 7 + 3) % 256 for n in range(256))
_SORTED = 50_000


@dataclass(frozen=True, slots=True)
class Burn:
    """Python that computes: a number of empty loops, so that it is the same work whoever does it."""

    loops: int

    def __call__(self, number: int) -> int:
        for _ in repeat(None, self.loops):
            pass
        return number


@dataclass(frozen=True, slots=True)
class UnevenBurn:
    """The same, with another number of loops for some items."""

    loops: int
    hard_loops: int
    is_hard: Callable[[int], bool]

    def __call__(self, number: int) -> int:
        for _ in repeat(None, self.hard_loops if self.is_hard(number) else self.loops):
            pass
        return number


def one_in_a_hundred(number: int) -> bool:
    """Anywhere among its neighbours."""
    # The odd constant is 2**32 divided by the golden ratio (Knuth): it scatters neighbours.
    return number * 2_654_435_769 % 2**32 < 2**32 // 100


def every_other_hundred(number: int) -> bool:
    return number // 100 % 2 == 1


@dataclass(frozen=True, slots=True)
class Wait:
    """A service that answers after some time."""

    seconds: float

    def __call__(self, number: int) -> int:
        time.sleep(self.seconds)
        return number


@dataclass(frozen=True, slots=True)
class WaitAndBurn:
    """A service that answers after some time, and what is made of the answer."""

    seconds: float
    loops: int

    def __call__(self, number: int) -> int:
        time.sleep(self.seconds)
        for _ in repeat(None, self.loops):
            pass
        return number


def digest(number: int) -> int:
    """A checksum of 4 MB, without the GIL."""
    found = number
    for _ in range(4):
        found = zlib.crc32(_MEGABYTE, found)
    return found


def middle_of_random(seed: int) -> int:
    """NumPy that releases the GIL: draw and sort, some 2.5 ms."""
    import numpy

    values = numpy.random.default_rng(seed).random(_SORTED)
    values.sort()
    return int(values[_SORTED // 2] * 2**40)


def translated(payload: bytes) -> bytes:
    """As many bytes as there were, after some milliseconds a megabyte with the GIL."""
    for _ in range(6):
        payload = payload.translate(_TABLE)
    return payload


def checksum(payload: str) -> int:
    """Little work on much data."""
    return zlib.crc32(payload.encode())


def word_beginnings(line: str) -> int:
    """Text in Python: some 20 µs for 80 words."""
    counts: dict[str, int] = {}
    for word in line.split():
        counts[word[:2]] = counts.get(word[:2], 0) + 1
    return 1000 * max(counts.values(), default=0) + len(counts)


def score(row: Mapping[str, Any]) -> float:
    """What a rule engine makes of a row of eight columns: some 6 µs."""
    found = 0.0
    for name in ("a", "b", "c", "d"):
        value = row[name]
        found += value * 0.25 if value > 0.5 else value * value
        found -= abs(value - 0.1) / (1.0 + value)
    if row["country"] in ("DE", "FR", "IT") and row["amount"] > 100:
        found *= 1.5
    found += len(row["name"]) % 7 / 10 + (row["year"] - 2000) * 0.01
    for step in range(80):
        found = (found * 1.01 + step) % 7.0
    return round(found, 6)


def load() -> dict[int, int]:
    """What a model or a session costs before the first call."""
    time.sleep(LOAD_SECONDS)
    return {number: number * 3 for number in range(100)}


@dataclass(frozen=True, slots=True)
class LookUp:
    """A call with what `load` has made."""

    loops: int

    def __call__(self, number: int, table: Mapping[int, int]) -> int:
        for _ in repeat(None, self.loops):
            pass
        return table[number % 100]


_loaded: dict[int, int] = {}


@dataclass(frozen=True, slots=True)
class LoadAtFirst:
    """The same with a first call in each process that loads."""

    loops: int

    def __call__(self, number: int) -> int:
        if not _loaded:
            _loaded.update(load())
        return LookUp(self.loops)(number, _loaded)
