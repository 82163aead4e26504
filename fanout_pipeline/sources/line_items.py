"""The items of text files with an item a line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from fanout_pipeline.sources.raw_lines import count
from fanout_pipeline.sources.source import Chunk, Items, Unreadable

if TYPE_CHECKING:
    import pandas


class LineFormat(Protocol):
    """How lines are parsed."""

    PIECE_BYTES: ClassVar[int]
    """See `Lines`."""

    def parse(self, raw: bytes) -> Sequence[Any]:
        """All items of some lines, fast. Raises ValueError where one has to be read by `parse_each`."""

    def parse_each(self, raw: bytes) -> list[Any]:
        """The same line by line, with an Unreadable in the place of each that cannot be read."""

    def series(self, items: Sequence[Any]) -> pandas.Series | pandas.DataFrame:
        """Parsed items as a batch."""


class LineSource(Protocol):
    """Where lines come from."""

    @property
    def format(self) -> LineFormat: ...

    def lines_before(self, offset: int) -> int:
        """How many lines begin before `offset`."""


class LineItems(Items):
    """The lines of one chunk: counted without being parsed, parsed when a value is asked for."""

    def __init__(self, source: LineSource, chunk: Chunk, pieces: Sequence[tuple[int, bytes]]):
        """`pieces`: the lines in each file, with the offset in the source at which they begin."""
        super().__init__(chunk, ())
        self._source = source
        ended = [raw if not raw or raw.endswith(b"\n") else raw + b"\n" for _, raw in pieces[:-1]]
        self._raw = b"".join([*ended, *(raw for _, raw in pieces[-1:])])
        self._offsets = [offset for offset, _ in pieces]
        self._positions = list(accumulate(map(len, ended), initial=0))

    @cached_property
    def first_index(self) -> int:
        return self._source.lines_before(self.chunk.start)

    @cached_property
    def _parsed(self) -> tuple[Sequence[Any], Mapping[int, Unreadable]]:
        try:
            return self._source.format.parse(self._raw), {}
        except ValueError:
            values = self._source.format.parse_each(self._raw)
            return values, {n: item for n, item in enumerate(values) if type(item) is Unreadable}

    @property
    def values(self) -> Sequence[Any]:
        return self._parsed[0]

    @property
    def unreadable(self) -> Mapping[int, Unreadable]:
        return self._parsed[1]

    def pieces(self) -> Iterator[Items]:
        most, begin = self._source.format.PIECE_BYTES or len(self._raw), 0
        if len(self._raw) <= most or "_parsed" in self.__dict__:
            yield self
            return
        index = self.first_index
        while begin < len(self._raw):
            end = self._raw.find(b"\n", begin + most) + 1 or len(self._raw)
            piece = LineItems(self._source, self.chunk, [(0, self._raw[begin:end])])
            piece.first_index = index
            yield piece
            index += len(piece)
            begin = end

    def rest(self, items: int) -> Chunk:
        length = len(self._raw) - len(self._raw.split(b"\n", items)[-1])
        piece = bisect_right(self._positions, length) - 1
        return replace(self.chunk, start=self._offsets[piece] + length - self._positions[piece])

    def as_batch(self) -> pandas.Series | pandas.DataFrame:
        return self._source.format.series(self.readable())

    def __len__(self) -> int:
        return len(self.values) if "_parsed" in self.__dict__ else count(self._raw)
