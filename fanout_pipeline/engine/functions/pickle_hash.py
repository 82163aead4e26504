"""A hash of what an object of another package is made of: of its pickle, which is kept nowhere."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

_LARGEST = 64 * 2**20
"""Bytes that are looked at."""


def pickle_hash(value: Any, told: Callable[[Any], str | None]) -> str:
    """Of its pickle, in which what is `told` stands as that text.

    Nothing, where it cannot be pickled; of a large one, its beginning.
    """
    file = _Hash()
    try:
        _Pickler(file, told).dump(value)
    except _Enough:
        pass
    except Exception:
        return ""
    return file.digest.hexdigest()


class _Hash:
    """A file that keeps a hash of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._left = _LARGEST

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.digest.update(memoryview(data).cast("B")[: self._left])
        self._left -= size
        if self._left < 0:
            raise _Enough
        return size


class _Enough(Exception):
    """All that is looked at of an object was seen."""


class _Pickler(pickle.Pickler):
    def __init__(self, file: _Hash, told: Callable[[Any], str | None]):
        super().__init__(file, protocol=5, buffer_callback=self._buffer)
        self.fast = True  # by value: without it, equal texts may be one object or two
        self._file = file
        self._told = told

    def _buffer(self, buffer: pickle.PickleBuffer) -> None:
        """Arrays are looked at where they are; a copy may be larger than the memory that is left."""
        with buffer.raw() as data:
            self._file.write(data)

    def reducer_override(self, value: Any) -> Any:
        told = self._told(value)
        return NotImplemented if told is None else (str, (told,))
