"""Results as the calls give them, kept small until they are written; without Arrow and NumPy."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from sys import getsizeof
from typing import Any

_PLAIN = frozenset([bool, bytes, float, int, str, type(None)])


class Results:
    """Results of a chunk, in order, as 64-bit words for as long as these hold them all.

    A block of some thousand is packed while it is in the processor's cache. Python integers that
    are kept for a chunk's end cost 40 bytes each, and twice the time.
    """

    def __init__(self) -> None:
        self._packed = bytearray()
        self._values: list[Any] | None = None
        """All results, where one is no integer or too large."""
        self._block: list[Any] = []
        """What is being appended."""

    def __len__(self) -> int:
        return len(self._packed) // 8 if self._values is None else len(self._values)

    @property
    def given(self) -> int:
        """How many there are, with those that are just being appended."""
        return len(self) + len(self._block)

    @property
    def words(self) -> memoryview | None:
        """The results as signed 64-bit integers; None where they are not."""
        return memoryview(self._packed).cast("q") if self._values is None else None

    def values(self) -> list[Any]:
        """The results as Python values."""
        return memoryview(self._packed).cast("q").tolist() if self._values is None else self._values

    @property
    def plain_bytes(self) -> int | None:
        """Size of the results if they are plain values, which any process can unpickle; else None."""
        if self._values is None:
            return len(self._packed)
        plain = _PLAIN.issuperset(map(type, self._values))
        return sum(map(getsizeof, self._values)) if plain else None

    def append(self, result: Any) -> None:
        self._append([result])

    def extend(self, results: Iterable[Any]) -> None:
        """Append all; where the iterable raises, those that it gave before."""
        block = self._block
        try:
            block += results
        finally:
            self._block = []
            self._append(block)

    def _append(self, block: list[Any]) -> None:
        if self._values is None and not self._pack(block):
            self._values, self._packed = self.values(), bytearray()
        if self._values is not None:
            self._values += block

    def _pack(self, block: list[Any]) -> bool:
        if not self._packed and block and type(block[0]) is not int:
            return False
        try:
            self._packed += struct.pack(f"{len(block)}q", *block)
        except struct.error:
            return False
        return True
