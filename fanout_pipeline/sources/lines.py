"""Text files with an item a line: where lines begin and end, which chunk each belongs to, and its index.

Lines end in LF or CRLF; the last may lack its end. The byte order mark of UTF-8 at the beginning of the
file is part of no line. The unit of the source is the byte: a chunk owns the lines that begin in its range,
so a file is cut by its size alone.
"""

from __future__ import annotations

import codecs
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from fanout_pipeline.sources.files import cannot_read, stat_of
from fanout_pipeline.sources.raw_lines import count
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Unreadable, Version

if TYPE_CHECKING:
    import pandas

_SEARCH_BYTES = 4096
"""Read at a time where the next line's beginning is looked for."""
_COUNT_BYTES = 256 * 2**10
"""Line ends are counted in blocks of this size, which stay in a core's cache."""
_HEAD_LINES = 10_000
_MARK = codecs.BOM_UTF8
_OTHER_MARKS = {
    # UTF-32 first: its mark begins with that of UTF-16.
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


@dataclass(frozen=True, slots=True)
class Lines(Source):
    """A text file. Formats add how its lines are parsed."""

    path: str
    line_ends: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """How many line ends lie before each block of the file, once it was examined."""

    CHUNK_SIZE: ClassVar[int] = 2 * 2**20
    """As Python objects the items of so many bytes take some 100 MB."""
    ITEM_NAME: ClassVar[str] = "line"
    """What messages call an item."""
    MIN_ITEM_BYTES: ClassVar[int] = 1
    """Size of the shortest item with its line end."""

    @abstractmethod
    def parse(self, raw: bytes) -> Sequence[Any]:
        """All items of some lines, fast. Raises ValueError where one has to be read by `parse_each`."""

    @abstractmethod
    def parse_each(self, raw: bytes) -> list[Any]:
        """The same line by line, with an Unreadable in the place of each that cannot be read."""

    @abstractmethod
    def series(self, items: Sequence[Any]) -> pandas.Series:
        """Parsed items as a batch."""

    def version(self) -> Version:
        found = stat_of(self.path, f"{self.ITEM_NAME}s")
        token = f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
        return Version(token, found.st_size)

    def examine(self) -> Version:
        version = self.version()
        with self._open() as file:
            self._first_line(file)
            file.seek(0)
            digest, counts, is_ended = _hash_and_count(file)
            size = file.tell()
            items = counts[-1] + (not is_ended and size > self._first_line(file))
            return replace(version, size=size, hash=digest, items=items, counts=counts)

    def examined(self, version: Version) -> Self:
        return replace(self, line_ends=tuple(version.counts))

    def chunks(self, wanted: int) -> tuple[Chunk, ...]:
        # More chunks than there can be items would be empty.
        most = max(1, -(-self.version().size // self.MIN_ITEM_BYTES))
        return super(Lines, self).chunks(min(wanted, most))

    def read(self, chunk: Chunk) -> LineItems:
        with self._open() as file:
            begin, end = self._line_at(file, chunk.start), self._line_at(file, chunk.stop)
            file.seek(begin)
            return LineItems(self, chunk, begin, file.read(end - begin))

    def head(self, items: int, path: Path) -> Self:
        self.version()
        left = items
        with self._open() as file, open(path, "wb", opener=_no_link) as out:
            begin = file.seek(self._first_line(file))
            out.write(_MARK[:begin])  # what follows may look like one
            while left:
                lines = list(islice(file, min(left, _HEAD_LINES)))
                if not lines:
                    if file.tell() == begin:
                        raise BadInput(
                            f"{self.path} is empty, so no {items:,} items can be taken from it. Write at "
                            f"least one {self.ITEM_NAME} to it."
                        )
                    file.seek(begin)
                    continue
                if not lines[-1].endswith(b"\n"):
                    lines[-1] += b"\n"
                out.writelines(lines)
                left -= len(lines)
        return replace(self, path=str(path), line_ends=())

    def locate(self, index: int) -> str:
        return f"line {index + 1} of {self.path}"

    def change(self, before: Version, now: Version) -> str:
        if now.token.split()[2] != before.token.split()[2]:
            return "was replaced"
        if now.size == before.size:
            return "was written to"
        verb = "grew" if now.size > before.size else "shrank"
        return f"{verb} from {before.size:,} to {now.size:,} bytes"

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        try:
            with open(self.path, "rb") as file:
                yield file
        except OSError as error:
            raise cannot_read(str(error.filename or self.path), error) from error

    def _line_at(self, file: BinaryIO, offset: int) -> int:
        """Where the first line begins that begins at `offset` or after it; else where the file ends."""
        if offset <= len(_MARK) and (first := self._first_line(file)) >= offset:
            return first
        # Is the byte before it the end of a line?
        position = file.seek(offset - 1)
        while block := file.read(_SEARCH_BYTES):
            line_end = block.find(b"\n")
            if line_end >= 0:
                return position + line_end + 1
            position += len(block)
        return position

    def lines_before(self, offset: int) -> int:
        """How many lines begin before `offset`: the file's first, and one after each line end."""
        stop = offset - 1
        block = max(0, min(stop // _COUNT_BYTES, len(self.line_ends) - 1))
        lines = 1 + (self.line_ends[block] if block else 0)
        with self._open() as file:
            if offset <= self._first_line(file):
                return 0
            position = file.seek(block * _COUNT_BYTES)
            while position < stop and (read := file.read(min(_COUNT_BYTES, stop - position))):
                lines += read.count(b"\n")
                position += len(read)
        return lines

    def _first_line(self, file: BinaryIO) -> int:
        """Where the first line begins. Raises BadInput where a mark says that it is not UTF-8."""
        file.seek(0)
        begin = file.read(4)
        for encoding, marks in _OTHER_MARKS.items():
            if begin.startswith(marks):
                from shlex import quote

                raise BadInput(
                    f"{self.path} is {encoding}, according to the byte order mark at its beginning; "
                    f"{self.ITEM_NAME}s are read as UTF-8. Convert it "
                    f"(iconv -f {encoding} -t UTF-8 {quote(self.path)} > …)."
                )
        return len(_MARK) if begin.startswith(_MARK) else 0


class LineItems(Items):
    """The lines of one chunk: counted without being parsed, parsed when a value is asked for."""

    def __init__(self, source: Lines, chunk: Chunk, begin: int, raw: bytes):
        """`raw` is in the file from `begin` on."""
        super().__init__(chunk, ())
        self._source = source
        self._begin = begin
        self._raw = raw

    @cached_property
    def first_index(self) -> int:
        return self._source.lines_before(self.chunk.start)

    @cached_property
    def _parsed(self) -> tuple[Sequence[Any], Mapping[int, Unreadable]]:
        try:
            return self._source.parse(self._raw), {}
        except ValueError:
            values = self._source.parse_each(self._raw)
            return values, {n: item for n, item in enumerate(values) if type(item) is Unreadable}

    @property
    def values(self) -> Sequence[Any]:
        return self._parsed[0]

    @property
    def unreadable(self) -> Mapping[int, Unreadable]:
        return self._parsed[1]

    def rest(self, items: int) -> Chunk:
        length = len(self._raw) - len(self._raw.split(b"\n", items)[-1])
        return replace(self.chunk, start=self._begin + length)

    def as_batch(self) -> pandas.Series:
        return self._source.series(self.readable())

    def __len__(self) -> int:
        return len(self.values) if "_parsed" in self.__dict__ else count(self._raw)


def _hash_and_count(file: BinaryIO) -> tuple[str, tuple[int, ...], bool]:
    """The SHA-256 of a file, how many line ends lie before each of its blocks, and whether it ends in one."""
    import hashlib  # OpenSSL and NumPy: workers do without

    import numpy

    digest, counts, line_ends, is_ended = hashlib.sha256(), [0], 0, False
    block = bytearray(_COUNT_BYTES)
    view, array = memoryview(block), numpy.frombuffer(block, numpy.uint8)
    while size := file.readinto(block):  # type: ignore[attr-defined]
        digest.update(view[:size])
        line_ends += int(numpy.count_nonzero(array[:size] == ord("\n")))
        counts.append(line_ends)
        is_ended = block[size - 1] == ord("\n")
    return digest.hexdigest(), tuple(counts), is_ended


def _no_link(path: str, flags: int) -> int:
    """How a file is opened that may not be a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
