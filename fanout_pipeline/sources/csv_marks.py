"""Certain beginnings of records, found in one pass over a file: from one of them any part of it can be read.

Where a record begins cannot be told from the bytes around it: whether a line end is within quotes depends on all
quotes before it, and not on their number alone, for a quote within an unquoted field is an ordinary character.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from fanout_pipeline.sources.csv_records import Dialect, FieldError, find

if TYPE_CHECKING:
    import numpy

_BLOCK_BYTES = 64 * 2**10
"""About so far apart are marks."""
_LONG_BYTES = 2**20
"""From this length on, a record that is not complete is read by `csv`, which has a limit."""


class Mark(NamedTuple):
    """A place in a file at which a record begins, or its end."""

    offset: int
    records: int
    """How many records of the whole input begin before it."""
    lines: int
    """How many lines of the file lie before it."""


@dataclass(frozen=True)
class Marks:
    """Those of one file, the first at its first record, the last at its end."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    records: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))

    def __getitem__(self, number: int) -> Mark:
        return Mark(self.offsets[number], self.records[number], self.lines[number])

    def append(self, mark: Mark) -> None:
        self.offsets.append(mark.offset)
        self.records.append(mark.records)
        self.lines.append(mark.lines)

    def segment(self, offset: int) -> int:
        """The number of the last mark at or before an offset, but for the last."""
        return max(0, min(bisect_right(self.offsets, offset), len(self.offsets) - 1) - 1)

    def end_segment(self, offset: int) -> int:
        """The number of the last mark before an offset, but for the last."""
        return max(0, min(bisect_left(self.offsets, offset), len(self.offsets) - 1) - 1)

    def end_of(self, number: int) -> int:
        """Where the next mark is, after the last that one."""
        return self.offsets[min(number + 1, len(self.offsets) - 1)]

    def of_record(self, index: int) -> int:
        """The number of the last mark before which no record lies from that one on, but for the last."""
        return max(0, min(bisect_right(self.records, index), len(self.offsets) - 1) - 1)


def to_counts(marks: Iterable[Marks]) -> tuple[int, ...]:
    """As a version carries them."""
    return tuple(
        number
        for one in marks
        for numbers in ((len(one.offsets),), one.offsets, one.records, one.lines)
        for number in numbers
    )


def from_counts(counts: tuple[int, ...]) -> tuple[Marks, ...]:
    """What `to_counts` was given."""
    found, begin = [], 0
    while begin < len(counts):
        length, begin = counts[begin], begin + 1
        columns = [counts[begin + n * length :][:length] for n in range(3)]
        found.append(Marks(*(array("q", column) for column in columns)))
        begin += 3 * length
    return tuple(found)


def scan(
    file: BinaryIO, size: int, first: Mark, dialect: Dialect, seen: Callable[[Any], object]
) -> Marks:
    """The marks of a file whose first record is at `first`. All its bytes are given to `seen`.

    Raises FieldError.
    """
    marks = Marks()
    for mark in _scanned(file, size, first, dialect, seen):
        marks.append(mark)
    return marks


def _scanned(
    file: BinaryIO, size: int, first: Mark, dialect: Dialect, seen: Callable[[Any], object]
) -> Iterator[Mark]:
    file.seek(0)
    seen(file.read(first.offset))
    mark, raw, wanted = first, b"", _BLOCK_BYTES
    yield mark
    while mark.offset + len(raw) < size:
        read = file.read(min(wanted, size - mark.offset - len(raw)))
        if not read:
            break  # it has become shorter, which will be noticed
        seen(read)
        raw += read
        is_whole = mark.offset + len(raw) == size
        found = _regular(raw, dialect)
        if found is None or (found.offset == 0 and len(raw) > _LONG_BYTES):
            found = _counted(raw, dialect, mark, is_whole)
        wanted = _BLOCK_BYTES if found.offset else 2 * wanted
        mark, raw = _after(mark, found), raw[found.offset :]
        if found.offset and mark.offset < size:
            yield mark
    if raw:
        mark = _after(mark, _counted(raw, dialect, mark, True))
    if mark is not first:
        yield mark._replace(offset=size)


def _counted(raw: bytes, dialect: Dialect, mark: Mark, is_whole: bool) -> Mark:
    try:
        found = find(raw, dialect, is_whole=is_whole)
    except FieldError as error:
        raise FieldError(mark.lines + error.line, str(error)) from None
    return Mark(found.stop, len(found.starts), found.line)


def _after(mark: Mark, found: Mark) -> Mark:
    return Mark(*(a + b for a, b in zip(mark, found, strict=True)))


def _regular(raw: bytes, dialect: Dialect) -> Mark | None:
    """What complete records there are; None where their ends are not certain from line ends and quotes alone.

    They are where each quote opens or closes a field, or is doubled within one: a line end is within
    quotes, then, if the number of quotes before it is odd.
    """
    import numpy

    bytes_ = numpy.frombuffer(raw, numpy.uint8)
    ends = numpy.flatnonzero(bytes_ == ord("\n"))
    if b"\r" in raw and not _are_crlf(bytes_, ends):
        return None
    lines = len(ends)
    bytewise = dialect.of_bytes
    if bytewise.quotechar and bytewise.quotechar.encode("latin-1") in raw:
        quotes = numpy.flatnonzero(bytes_ == ord(bytewise.quotechar))
        opening = quotes[::2]
        before = bytes_[opening[opening > 0] - 1]
        allowed = (ord(bytewise.delimiter), ord("\n"), ord(bytewise.quotechar))
        if not numpy.logical_or.reduce([before == one for one in allowed]).all():
            return None
        is_end = numpy.searchsorted(quotes, ends) % 2 == 0
        within = numpy.flatnonzero(is_end)
        lines = int(within[-1]) + 1 if len(within) else 0
        ends = ends[is_end]
    if not len(ends):
        return Mark(0, 0, 0)
    starts = numpy.concatenate(([0], ends[:-1] + 1))
    length = ends - starts
    blank = (length == 0) | ((length == 1) & (bytes_[starts] == ord("\r")))
    return Mark(int(ends[-1]) + 1, len(ends) - int(numpy.count_nonzero(blank)), lines)


def _are_crlf(bytes_: numpy.ndarray[Any, Any], ends: numpy.ndarray[Any, Any]) -> bool:
    """Whether each CR is that of a CRLF. The last byte may be one that is still to be seen."""
    before = bytes_[ends[ends > 0] - 1]
    found = int((bytes_ == ord("\r")).sum()) - int(bytes_[-1] == ord("\r"))
    return int((before == ord("\r")).sum()) == found
