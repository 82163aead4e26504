"""What every format with one item a line has in common: where lines begin and end, and whose they are.

Lines end in LF or CRLF; the last may lack its end. The byte order mark of UTF-8 at the beginning of the
file is part of no line. A chunk owns the lines that begin in its range, so an input is cut by its
size alone.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from fanout_pipeline.sources.files import cannot_read, stat_of
from fanout_pipeline.sources.source import BadInput, Chunk, Fingerprint, Stamp, Unreadable

_BLOCK = 4096
_COUNTED_BYTES = 256 * 2**10
"""Line ends are counted in blocks of this size, which stay in a core's cache."""
_HEAD_LINES = 10_000
_MARK = codecs.BOM_UTF8
_OTHER_MARKS = {
    # UTF-32 first: its mark begins with that of UTF-16.
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


@dataclass(frozen=True, slots=True)
class Lines:
    """A text file `path`. Formats add how the items of a chunk are read: `parse` and what follows it."""

    path: str
    lines_before: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """How many line ends lie before each block of the file, once it was read through."""

    ITEM: ClassVar[str] = "line"
    """What messages call an item."""
    SHORTEST: ClassVar[int] = 1
    """Bytes of the shortest item with its line's end."""

    def under(self, root: Path) -> Self:
        return replace(self, path=str(root / self.path))

    def fingerprint(self) -> Fingerprint:
        self.size()
        try:
            with open(self.path, "rb") as file:
                self._first_line(file)
                file.seek(0)
                digest, counts = _hashed_and_counted(file)
                return Fingerprint(self.path, file.tell(), digest, counts)
        except OSError as error:
            raise cannot_read(self.path, error) from error

    def indexed(self, fingerprint: Fingerprint) -> Self:
        return replace(self, lines_before=tuple(fingerprint.counts))

    def first_index(self, chunk: Chunk) -> int:
        """The lines that begin before the chunk: the file's first, and one after each line end but the last byte's."""
        stop = chunk.start - 1
        block = min(stop // _COUNTED_BYTES, len(self.lines_before) - 1)
        try:
            with open(self.path, "rb") as file:
                if chunk.start <= self._first_line(file):
                    return 0
                lines = 1 + self.lines_before[block] if block > 0 else 1
                position = file.seek(max(0, block) * _COUNTED_BYTES)
                while position < stop and (read := file.read(min(_COUNTED_BYTES, stop - position))):
                    lines += read.count(b"\n")
                    position += len(read)
                return lines
        except OSError as error:
            raise cannot_read(self.path, error) from error

    def stamp(self) -> Stamp:
        found = stat_of(self.path, f"{self.ITEM}s")
        return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)

    def size(self) -> int:
        return stat_of(self.path, f"{self.ITEM}s").st_size

    def cut(self, chunks: int) -> tuple[Chunk, ...]:
        size = self.size()
        # More chunks than there can be items would be empty.
        chunks = max(1, min(chunks, -(-size // self.SHORTEST)))
        edges = [size * number // chunks for number in range(chunks + 1)]
        return tuple(Chunk(n, edges[n], edges[n + 1]) for n in range(chunks))

    def load(self, chunk: Chunk) -> bytes:
        """Read from the first line that begins in the range to the first that begins after it."""
        try:
            with open(self.path, "rb") as file:
                begin, end = self._line_at(file, chunk.start), self._line_at(file, chunk.stop)
                file.seek(begin)
                return file.read(end - begin)
        except OSError as error:
            raise cannot_read(self.path, error) from error

    def count(self, raw: bytes) -> int:
        return raw.count(b"\n") + (raw != b"" and not raw.endswith(b"\n"))

    def rest(self, chunk: Chunk, raw: bytes, items: int) -> Chunk:
        length = len(raw) - len(raw.split(b"\n", items)[-1])
        try:
            with open(self.path, "rb") as file:
                begin = self._line_at(file, chunk.start)
        except OSError as error:
            raise cannot_read(self.path, error) from error
        if begin < chunk.start:
            raise BadInput(
                f"{self.path} ends before what was read of it: it has changed. Run again."
            )
        return replace(chunk, start=begin + length)

    def head(self, items: int, path: Path) -> Self:
        self.size()
        left = items
        try:
            with open(self.path, "rb") as file, open(path, "wb", opener=_no_link) as out:
                begin = file.seek(self._first_line(file))
                out.write(_MARK[:begin])  # what follows may look like one
                while left:
                    lines = list(islice(file, min(left, _HEAD_LINES)))
                    if not lines:
                        if file.tell() == begin:
                            raise BadInput(
                                f"{self.path} is empty: there are no {items:,} items to be had "
                                f"from it. Write at least one {self.ITEM} to it."
                            )
                        file.seek(begin)
                        continue
                    if not lines[-1].endswith(b"\n"):
                        lines[-1] += b"\n"
                    out.writelines(lines)
                    left -= len(lines)
        except OSError as error:
            raise cannot_read(str(error.filename or self.path), error) from error
        return replace(self, path=str(path))

    def where(self, index: int) -> str:
        return f"line {index + 1} of {self.path}"

    def refused(self, items: list[Any], first_index: int) -> BadInput:
        """The error for the first of the items that is Unreadable; one is."""
        position = next(n for n, item in enumerate(items) if type(item) is Unreadable)
        error: BadInput = items[position].at(self.where(first_index + position))
        return error

    def _line_at(self, file: BinaryIO, offset: int) -> int:
        """Where the first line begins that begins at `offset` or after it; else where the file ends."""
        if offset <= len(_MARK) and (first := self._first_line(file)) >= offset:
            return first
        # Is the byte before it the end of a line?
        position = file.seek(offset - 1)
        while block := file.read(_BLOCK):
            line_end = block.find(b"\n")
            if line_end >= 0:
                return position + line_end + 1
            position += len(block)
        return position

    def _first_line(self, file: BinaryIO) -> int:
        """Where the first line begins. Raises BadInput where a mark says that it is no UTF-8."""
        file.seek(0)
        begin = file.read(4)
        for encoding, marks in _OTHER_MARKS.items():
            if begin.startswith(marks):
                from shlex import quote

                raise BadInput(
                    f"{self.path} is {encoding}, says the byte order mark at its beginning; {self.ITEM}s are "
                    f"read as UTF-8. Convert it (iconv -f {encoding} -t UTF-8 {quote(self.path)} > …)."
                )
        return len(_MARK) if begin.startswith(_MARK) else 0


def _hashed_and_counted(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    """The SHA-256 of a file, and how many line ends lie before each of its blocks."""
    import hashlib  # OpenSSL, and NumPy: workers do without

    import numpy

    digest, counts, lines = hashlib.sha256(), [0], 0
    block = bytearray(_COUNTED_BYTES)
    view, array = memoryview(block), numpy.frombuffer(block, numpy.uint8)
    while size := file.readinto(block):  # type: ignore[attr-defined]
        digest.update(view[:size])
        lines += int(numpy.count_nonzero(array[:size] == ord("\n")))
        counts.append(lines)
    return digest.hexdigest(), tuple(counts)


def each(
    lines: list[bytes], quick: Callable[[bytes], Any], careful: Callable[[bytes], Any]
) -> list[Any]:
    """What `quick` makes of each line, and `careful` of those for which it raises ValueError."""
    items: list[Any] = []
    left = iter(lines)
    while len(items) < len(lines):
        try:
            # extend() keeps what the iterator gave before it raised.
            items.extend(map(quick, left))
        except ValueError:
            items.append(careful(lines[len(items)]))
    return items


def split(raw: bytes) -> list[bytes]:
    """The lines of a chunk, without their LF."""
    lines = raw.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def shortened(line: bytes, limit: int = 40) -> str:
    """A line as messages show it: ASCII, its beginning where it is long."""
    text = line[: limit + 1].decode(errors="backslashreplace")
    return ascii(text) if len(line) <= limit else f"{text[:limit]!a}… ({len(line):,} bytes)"


def _no_link(path: str, flags: int) -> int:
    """How a file is opened that may not be a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
