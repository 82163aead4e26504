"""The results of a chunk, kept small until they are written; needs neither Arrow nor NumPy."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from sys import getsizeof
from typing import Any

_PLAIN = frozenset([bool, bytes, float, int, str, type(None)])


class ResultBuffer:
    """Results of a chunk, in order, as 64-bit words for as long as all of them fit.

    Blocks of some thousand are packed while they are in the processor's cache. Keeping Python integers
    until the chunk's end would cost 40 bytes each, and twice the time.
    """

    def __init__(self) -> None:
        self._packed = bytearray()
        self._values: list[Any] | None = None
        """All results, once one of them is not an integer or does not fit in 64 bits."""
        self._block: list[Any] = []
        """The results that `extend` is appending."""

    def __len__(self) -> int:
        return len(self._packed) // 8 if self._values is None else len(self._values)

    @property
    def given(self) -> int:
        """The number of results, including those that `extend` is appending."""
        return len(self) + len(self._block)

    @property
    def words(self) -> memoryview | None:
        """The results as signed 64-bit integers; None if they are not."""
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
        """Append all results; if the iterable raises, those that it yielded before."""
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
