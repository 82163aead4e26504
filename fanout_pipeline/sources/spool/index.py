"""The index of a spool: where each group ends, and what all groups so far contain.

Records of equal length, so that a reader finds the one that it needs among those that have arrived.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_RECORD = struct.Struct("<QQQQ32s16s")


class Record(NamedTuple):
    """What is known of a spool up to the end of one group."""

    units: int
    """Counted from the beginning, like bytes and items, in the unit of the source that reads them."""
    size: int
    """In bytes."""
    items: int
    part: int
    """The number of the file, where the input is several, that the group comes from."""
    digest: bytes
    """The SHA-256 of all bytes so far."""
    seal: bytes
    """Shows that the group was written by the process that made the key."""

    def packed(self) -> bytes:
        return _RECORD.pack(*self)


BEGINNING = Record(0, 0, 0, 0, b"", b"")


def seal(key: bytes, data: bytes) -> bytes:
    """What only who knows the key can make of a group."""
    from hashlib import blake2b  # OpenSSL: a worker that needs no spool does without

    return blake2b(data, key=key, digest_size=16).digest()


def read_index(path: Path) -> list[Record]:
    """All records; none where there is no index. A torn last one is left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = len(data) // _RECORD.size * _RECORD.size
    return [Record(*fields) for fields in _RECORD.iter_unpack(data[:whole])]


class IndexReader:
    """The records of an index that may be growing."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._count = os.fstat(descriptor).st_size // _RECORD.size

    def __len__(self) -> int:
        return self._count

    @property
    def last(self) -> Record:
        """What is known of all that has arrived."""
        return self[self._count - 1]

    def __getitem__(self, number: int) -> Record:
        """The record of a group; the beginning for -1."""
        if number < 0:
            return BEGINNING
        packed = os.pread(self._descriptor, _RECORD.size, number * _RECORD.size)
        return Record(*_RECORD.unpack(packed))

    def group_at(self, unit: int) -> int:
        """The number of the first group that ends after a unit."""
        return self._first(lambda record: record.units > unit)

    def group_of(self, item: int) -> int:
        """The number of the group that an item is in, by its index."""
        return self._first(lambda record: record.items > item)

    def first_of_part(self, part: int) -> int:
        """The number of the first group that comes from a file, or from one after it."""
        return self._first(lambda record: record.part >= part)

    def _first(self, is_true: Callable[[Record], bool]) -> int:
        """The first record of which it is true, as it is of all that follow."""
        return bisect_left(range(self._count), True, key=lambda number: is_true(self[number]))
