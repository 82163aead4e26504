"""Compressed CSV files: the records that have arrived of their spool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.compressed import Begun, FileFeed
from fanout_pipeline.sources.csv_header import header_of, require_names, require_same
from fanout_pipeline.sources.csv_items import CsvItems
from fanout_pipeline.sources.csv_pieces import Piece
from fanout_pipeline.sources.csv_records import FieldError, find, first_record, is_plain
from fanout_pipeline.sources.csv_table import Layout
from fanout_pipeline.sources.source import Chunk, Items, Source
from fanout_pipeline.sources.spool.feed import Files, Group
from fanout_pipeline.sources.spool.reading import Reading, Spooled

if TYPE_CHECKING:
    from fanout_pipeline.sources.csv_records import Dialect


@dataclass(frozen=True, slots=True)
class SpooledCsv(Spooled):
    """What has arrived of the records of some files, one after the other. The unit is the byte.

    A header is a group without items, and each other group holds whole records of one file.
    """

    files: Files = field(repr=False)
    format: Any
    """The Csv that is spooled."""
    dialect: Dialect
    paths: tuple[str, ...]
    """The files that the records come from."""

    CHUNK_SIZE = 2 * 2**20

    def read(self, chunk: Chunk) -> Items:
        pieces = []
        with Reading(self.files) as reading:
            number, start = reading.index.group_at(chunk.start), chunk.start
            while start < chunk.stop:
                begin, end = reading.index[number - 1], reading.index[number]
                raw = reading.data(begin.size, end.size)
                if end.items > begin.items:
                    first, _ = first_record(raw, start - begin.size, self.dialect)
                    last, _ = first_record(raw, chunk.stop - begin.size, self.dialect)
                    line = partial(self._line, number, raw[:first])
                    last = last if chunk.stop < end.size else len(raw)
                    where = begin.size + first, self.paths[end.part]
                    pieces.append(Piece(raw[first:last], *where, line))
                start = end.size
                number += 1
            layout = self._layout(reading)
        return CsvItems(chunk, pieces, layout, self._before, self.locate)

    def locate(self, index: int) -> str:
        with Reading(self.files) as reading:
            number = reading.index.group_of(index)
            begin, end = reading.index[number - 1], reading.index[number]
            lines = find(reading.data(begin.size, end.size), self.dialect).lines
        line = self._line(number, b"") + lines[index - begin.items] + 1
        return f"line {line} of {self.paths[end.part]}"

    def __str__(self) -> str:
        return str(self.format)

    def _before(self, offset: int) -> int:
        """How many items begin before an offset."""
        with Reading(self.files) as reading:
            number = reading.index.group_at(offset)
            begin = reading.index[number - 1]
            if offset <= begin.size:
                return begin.items
            end = reading.index[number]
            if end.items == begin.items:
                return begin.items
            raw = reading.data(begin.size, end.size)
            return begin.items + first_record(raw, offset - begin.size, self.dialect)[1]

    def _line(self, number: int, more: bytes) -> int:
        """How many lines of its file lie before a group and some of its bytes."""
        with Reading(self.files) as reading:
            first = reading.index.first_of_part(reading.index[number].part)
            start, stop = reading.index[first - 1].size, reading.index[number - 1].size
            return reading.data(start, stop).count(b"\n") + more.count(b"\n")

    def _layout(self, reading: Reading) -> Layout:
        names: tuple[str, ...] = ()
        if not isinstance(self.format.header, bool):
            names = self.format.header
        number = 0
        # Files without any record have no header, either.
        while not names and number < len(reading.index) and not reading.index[number].items:
            raw = reading.data(reading.index[number - 1].size, reading.index[number].size)
            begun = Begun(raw, self.paths[reading.index[number].part])
            names = header_of(begun, len(raw), self.dialect, is_named=True).names
            number += 1
        asked = tuple(self.format.columns or names)
        plain = self.format.columns is not None and len(asked) == 1
        return Layout(names or asked, asked, self.format.types, plain, self.dialect)


class CsvFeed(FileFeed):
    """Feeds the records of files some of which are compressed."""

    _first: tuple[tuple[str, ...], str] | None = None
    """The names in the first header, and its file."""

    def reader(self, files: Files) -> Source:
        return SpooledCsv(files, self._source, self._source.dialect, self._paths)

    def _of_file(self, path: str, number: int) -> Iterator[Group]:
        dialect: Dialect = self._source.dialect
        needs_header, lines, left = self._source.header is True, 0, b""
        try:
            for block in self._blocks(path):
                left += block
                if needs_header:
                    if not find(left, dialect, is_whole=False).starts:
                        continue
                    needs_header = False
                    end = self._header_end(left, path)
                    yield Group(left[:end], end, 0, part=number)
                    lines, left = lines + left.count(b"\n", 0, end), left[end:]
                stop, items = _whole(left, dialect)
                if stop:
                    yield Group(left[:stop], stop, items, part=number)
                    lines, left = lines + left.count(b"\n", 0, stop), left[stop:]
            if left and needs_header:
                end = self._header_end(left, path)
                yield Group(left[:end], end, 0, part=number)
                left = left[end:]
            if left:
                items = len(find(left, dialect).starts)
                yield Group(left, len(left), items, is_open=True, part=number)
        except FieldError as error:
            raise error.at(path, lines) from None

    def _header_end(self, raw: bytes, path: str) -> int:
        """Where the header ends. Raises BadInput where it is another than the first's, or lacks a column."""
        source = self._source
        header = header_of(Begun(raw, path), len(raw), source.dialect, is_named=True)
        if header.names:
            if self._first is None:
                require_names([*(source.columns or ()), *source.types], header.names, str(source))
                self._first = header.names, path
            require_same(header.names, path, *self._first)
        return header.end


def _whole(raw: bytes, dialect: Dialect) -> tuple[int, int]:
    """Where the last whole record ends, and how many there are."""
    end = raw.rfind(b"\n") + 1
    if is_plain(raw[:end], dialect):
        return end, raw.count(b"\n", 0, end)
    found = find(raw, dialect, is_whole=False)
    return found.stop, len(found.starts)
