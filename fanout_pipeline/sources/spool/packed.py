"""Any Python objects in a spool: each pickled by itself, with its length before it.

What is unpickled is what this run's own process has written: a group is read only if its seal is right.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.source import ITEM, BadInput, Chunk, Items, Unreadable, value_in
from fanout_pipeline.sources.spool.feed import Files, Group
from fanout_pipeline.sources.spool.reading import Reading, Spooled

if TYPE_CHECKING:
    import pyarrow

_GROUP_BYTES = 2**16
"""About how large a group is at most: a reader reads whole groups, and they are what the next run compares."""
_GROUP_ITEMS = 500
_GROUP_SECONDS = 0.02
"""Nor does a group wait longer than this for more items, as calls may be waiting for it."""
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Packed(Spooled):
    """What has arrived of a spool of Python objects. A unit is one item."""

    files: Files = field(repr=False)
    name: str
    """What messages call the whole: "the query"."""
    item: str = "item"
    """What messages call one."""
    columns: Sequence[str] | None = None
    """Of items that are dicts, the keys that are passed on: one as its value, several as a dict."""

    def read(self, chunk: Chunk) -> Items:
        values: list[Any] = []
        with Reading(self.files) as reading:
            for group, start, stop in reading.groups(chunk.start, chunk.stop):
                values += unpacked(memoryview(group), start, stop)
        return PackedItems(chunk, values, self.columns)

    def locate(self, index: int) -> str:
        return f"{self.item} {index + 1} of {self.name}"

    def __str__(self) -> str:
        return self.name


class PackedItems(Items):
    """Items, or what columns of them are asked for; the others are there for `as_arrow`."""

    def __init__(self, chunk: Chunk, items: Sequence[Any], columns: Sequence[str] | None):
        values = items
        if columns is not None and len(columns) == 1:
            (name,) = columns
            values = [item[name] for item in items]
        elif columns is not None:
            values = [{name: item[name] for name in columns} for item in items]
        super().__init__(chunk, values)
        self._all = items
        self._plain = columns is not None and len(columns) == 1

    @cached_property
    def unreadable(self) -> Mapping[int, Unreadable]:
        """None: they are objects already."""
        return {}

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Those asked for of all columns, passed or not. Raises BadInput where one is not there."""
        if columns is None:
            return super().as_arrow()
        for name in columns:
            if self._all and isinstance(self._all[0], dict) and name not in self._all[0]:
                raise BadInput(f"There is no column {name!r}, but {', '.join(self._all[0])}.")
        return Items(self.chunk, self._all).as_arrow(columns)

    def column(self, name: str) -> Sequence[Any]:
        if name == ITEM and self._plain:
            pairs = zip(self._all, self.values, strict=True)
            return [item.get(ITEM, value) for item, value in pairs]
        return [value_in(item, name) for item in self._all]


FLUSH = object()
"""Among items: whoever has given those before does not know when there will be more."""


def packed(
    items: Iterable[Any], unpicklable: Callable[[int, Any, Exception], BadInput]
) -> Iterator[Group]:
    """Groups of these items. `unpicklable` makes the error for one that cannot be pickled, from its index."""
    left, data, count, index = iter(items), bytearray(), 0, 0
    began = time.monotonic()
    error: BaseException | None = None
    while True:
        try:
            item = next(left, _END)
            flush = item is _END or item is FLUSH
            if not flush:
                one = _dumped(item, index, unpicklable)
                data += len(one).to_bytes(_LENGTH_BYTES, "little") + one
                count += 1
                index += 1
        except Exception as raised:  # What came before it is of use.
            error = raised
        now = time.monotonic()
        full = len(data) >= _GROUP_BYTES or count >= _GROUP_ITEMS or now - began > _GROUP_SECONDS
        if count and (flush or full or error):
            yield Group(bytes(data), count, count)
            data, count = bytearray(), 0
        if not count:
            began = now
        if error is not None:
            raise error
        if item is _END:
            return


_END = object()


def _dumped(item: Any, index: int, unpicklable: Callable[[int, Any, Exception], BadInput]) -> bytes:
    try:
        return pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise unpicklable(index, item, error) from error


def unpacked(group: memoryview, start: int, stop: int) -> Iterator[Any]:
    """Items of a group by their positions in it."""
    at = 0
    for position in range(stop):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(group[at:begin], "little")
        if position >= start:
            yield pickle.loads(group[begin:at])
