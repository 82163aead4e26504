"""CSV: rows as dicts, exactly those that Python's `csv` finds, wherever the input is cut.

The unit of the source is the byte, over all files laid end to end. Headers and blank lines are no items.
"""

from __future__ import annotations

import codecs
import csv
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, Self

from fanout_pipeline.sources.columns import names_given
from fanout_pipeline.sources.compressed import NO_HEAD, is_compressed
from fanout_pipeline.sources.compressed_csv import CsvFeed
from fanout_pipeline.sources.csv_header import header_of, require_names
from fanout_pipeline.sources.csv_items import CsvItems
from fanout_pipeline.sources.csv_marks import Marks, from_counts, to_counts
from fanout_pipeline.sources.csv_pieces import Piece
from fanout_pipeline.sources.csv_records import (
    Dialect,
    FieldError,
    find,
    first_record,
    require_readable,
)
from fanout_pipeline.sources.csv_scan import cached_header, cached_scan, scan_files
from fanout_pipeline.sources.csv_table import Layout
from fanout_pipeline.sources.files import no_link, reading
from fanout_pipeline.sources.many_files import (
    File,
    Listing,
    Range,
    change,
    listing_of,
    look,
)
from fanout_pipeline.sources.source import BadInput, Chunk, Source, Version
from fanout_pipeline.sources.url import path_here

_ITEMS = "CSV records"


@dataclass(frozen=True, slots=True)
class Csv(Source):
    """The source `path`, a file, folder or glob: a dict a record, its keys from the header.

    A field is text, an empty one "", a missing one None. A record with more fields than there are columns, or
    with one that its type refuses, cannot be read.
    """

    path: str
    columns: Sequence[str] | None = None
    """The names of the columns to read, None for all. Of exactly one, the items are the plain values."""
    types: Mapping[str, Callable[[str], Any]] = field(default_factory=dict, repr=False, hash=False)
    """What a column's text is given to, by its name: `float`, `Decimal`, `date.fromisoformat`, a function."""
    delimiter: str = ","
    header: bool | Sequence[str] = True
    """Whether each file begins with the names of the columns; else the names themselves."""
    quotechar: str | None = '"'
    """What encloses fields, and is doubled within them; with None each line is a record."""
    encoding: str = "utf-8"
    """The encoding of the files: one in which each byte of ASCII is a character of its own."""
    listing: str = field(default="", compare=False, repr=False, kw_only=True)
    """The version's token, once the source was examined: the files as they were then."""
    marks: tuple[Marks, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """Where records begin in each file, once it was examined."""

    CHUNK_SIZE = 2 * 2**20
    UNIT = "bytes"
    NEEDS_PASS = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", path_here(self.path, "Csv"))
        for name, stands_for_all in (("columns", None), ("header", True)):
            value = getattr(self, name)
            if value is not stands_for_all:
                object.__setattr__(self, name, names_given(name, value))
        if not isinstance(self.types, Mapping):
            raise TypeError(f"types maps names of columns to functions, not {self.types!r}")
        for name, convert in self.types.items():
            if not callable(convert):
                raise TypeError(
                    f"types[{name!r}] is a function that takes the text of a field, such as float or "
                    f"date.fromisoformat, not {convert!r}"
                )
        for name in ("delimiter", "quotechar", "encoding"):
            value = getattr(self, name)
            if not isinstance(value, str) and not (name == "quotechar" and value is None):
                raise TypeError(f"{name} is text, not {value!r}")
        require_readable(self.dialect)

    def version(self) -> Version:
        return look(self.path, _ITEMS).version()

    def feed(self) -> CsvFeed | None:
        """What is spooled where a file is compressed."""
        files = self._listing().files
        if not is_compressed(files):
            return None
        return CsvFeed(self, files, _ITEMS, codecs.lookup(self.encoding).name == "utf-8")

    def examine(self) -> Version:
        version = self.version()
        if is_compressed(listing_of(version.token).files):
            return version
        hash_, marks = scan_files(version.token, self.dialect, self.header is True)
        self._layout(listing_of(version.token))
        counts = to_counts(marks)
        return replace(version, hash=hash_, items=marks[-1].records[-1], counts=counts)

    def examined(self, version: Version) -> Self:
        return replace(self, listing=version.token, marks=from_counts(tuple(version.counts)))

    def require_columns(self, names: Sequence[str]) -> None:
        """Raises BadInput where there is no column of such a name."""
        listing = self._listing()
        if is_compressed(listing.files):
            return  # What is in them is known when they were begun.
        if header := self._names(listing):
            require_names(names, header, str(self))

    def read(self, chunk: Chunk) -> CsvItems:
        listing = self._listing()
        marks = self._marks(listing)
        ranges = listing.ranges(chunk.start, chunk.stop)
        pieces = [self._piece(listing, marks[one.number], one) for one in ranges]
        return CsvItems(chunk, pieces, self._layout(listing), self._before, self.locate)

    def locate(self, index: int) -> str:
        listing = self._listing()
        marks = self._marks(listing)
        number = bisect_right([one.records[0] for one in marks], index) - 1
        segment = marks[number].of_record(index)
        mark, raw = marks[number][segment], self._segment(listing, marks, number, segment)
        lines = find(raw, self.dialect).lines
        line = mark.lines + lines[index - mark.records] + 1
        return f"line {line} of {listing.files[number].path}"

    def change(self, before: Version, now: Version) -> str:
        return change(before, now)

    def head(self, items: int, path: Path) -> Self:
        left, listing, dialect = items, self._listing(), self.dialect.of_bytes
        if is_compressed(listing.files):
            raise TypeError(NO_HEAD.format(self))
        style: dict[str, Any] = {"delimiter": dialect.delimiter, "quotechar": dialect.quotechar}
        style["quoting"] = csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE
        with open(path, "w", encoding="latin-1", newline="", opener=no_link) as out:
            writer = csv.writer(out, lineterminator="\n", **style)
            if self.header is True and (names := self._names(listing)):
                encoded = (name.encode(self.encoding).decode("latin-1") for name in names)
                writer.writerow(encoded)
            while left:
                before = left
                for file in listing.files:
                    for row in islice(self._rows(file), left):
                        writer.writerow(row)
                        left -= 1
                if left == before:
                    raise BadInput(
                        f"{self.path} has no records, so no {items:,} items can be taken from it. Write "
                        "at least one to it."
                    )
        return replace(self, path=str(path), listing="", marks=())

    def _rows(self, file: File) -> Iterator[list[str]]:
        """The records of a file, each byte a character."""
        dialect = self.dialect.of_bytes
        with reading(file.path) as opened:
            header = header_of(opened, file.size, self.dialect, is_named=self.header is True)
            opened.seek(header.end)
            text = TextIOWrapper(opened, "latin-1", newline="")
            reader = dialect.reader(text)
            line = header.lines
            try:
                for row in reader:
                    if row:
                        yield row
                    line = header.lines + reader.line_num
            except csv.Error as error:
                raise FieldError(line, str(error)).at(file.path, 0) from None

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.delimiter, self.quotechar, self.encoding)

    def _listing(self) -> Listing:
        """The files as they were when the source was examined, else as they are now."""
        return listing_of(self.listing) if self.listing else look(self.path, _ITEMS)

    def _marks(self, listing: Listing) -> tuple[Marks, ...]:
        if self.marks:
            return self.marks
        return cached_scan(listing.version().token, self.dialect, self.header is True)[1]

    def _names(self, listing: Listing) -> tuple[str, ...]:
        """The columns of the files; none where all are empty."""
        if not isinstance(self.header, bool):
            return tuple(self.header)
        headers = (cached_header(file, self.dialect) for file in listing.files)
        return next((header.names for header in headers if header.names), ())

    def _layout(self, listing: Listing) -> Layout:
        """Raises BadInput for columns that are not there."""
        names = self._names(listing)
        asked = tuple(self.columns or names)
        if names:
            require_names([*asked, *self.types], names, str(self))
        is_plain = self.columns is not None and len(asked) == 1
        return Layout(names or asked, asked, self.types, is_plain, self.dialect)

    def _piece(self, listing: Listing, marks: Marks, range_: Range) -> Piece:
        """The records of a file that begin in a range of it."""
        file, begin = listing.files[range_.number], listing.starts[range_.number]
        first, last = marks.segment(range_.start), marks.end_segment(range_.stop)
        start, tail, dialect = marks[first].offset, marks[last].offset, self.dialect
        with reading(file.path) as opened:
            opened.seek(start)
            raw = opened.read(marks.end_of(last) - start)
        head = raw[: marks.end_of(first) - start]
        position, _ = first_record(head, range_.start - start, dialect)
        stop, _ = first_record(raw[tail - start :], range_.stop - tail, dialect)
        before = marks[first].lines
        return Piece(
            raw[position : tail - start + stop],
            begin + start + position,
            file.path,
            lambda: before + find(head[:position], dialect).line,
        )

    def _before(self, offset: int) -> int:
        """How many items begin before an offset."""
        listing = self._listing()
        marks = self._marks(listing)
        number, within = listing.place(offset)
        segment = marks[number].segment(within)
        mark = marks[number][segment]
        if within <= mark.offset:
            return mark.records
        raw = self._segment(listing, marks, number, segment)
        return mark.records + first_record(raw, within - mark.offset, self.dialect)[1]

    def _segment(
        self, listing: Listing, marks: tuple[Marks, ...], number: int, segment: int
    ) -> bytes:
        """The bytes from a mark to the next."""
        start = marks[number].offsets[segment]
        with reading(listing.files[number].path) as file:
            file.seek(start)
            return file.read(marks[number].end_of(segment) - start)
