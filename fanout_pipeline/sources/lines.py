"""Text files with an item a line: where lines begin and end, which chunk each belongs to, and its index.

Lines end in LF or CRLF; the last of a file may lack its end. The byte order mark of UTF-8 at the beginning of a
file is part of no line. The unit of the source is the byte, over all files laid end to end: a chunk owns the
lines that begin in its range, so files are cut by their sizes alone.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from fanout_pipeline.sources.compressed import NO_HEAD, is_compressed
from fanout_pipeline.sources.compressed_lines import LineFeed
from fanout_pipeline.sources.files import cannot_read, no_link
from fanout_pipeline.sources.line_items import LineItems
from fanout_pipeline.sources.many_files import (
    File,
    Listing,
    change,
    first_blocks,
    hash_of,
    listing_of,
    look,
)
from fanout_pipeline.sources.one_file import (
    COUNT_BYTES,
    MARK,
    first_line,
    hash_and_count,
    line_at,
    lines_before,
)
from fanout_pipeline.sources.source import BadInput, Chunk, Source, Version
from fanout_pipeline.sources.spool.feed import Feed
from fanout_pipeline.sources.url import Url, url_or_path

if TYPE_CHECKING:
    import pandas

_HEAD_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Lines(Source):
    """The lines of a file, or of all files of a folder or glob. Formats add how they are parsed."""

    path: str
    listing: str = field(default="", compare=False, repr=False, kw_only=True)
    """The version's token, once the source was examined: the files as they were then."""
    line_ends: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """How many lines end before each block of each file, and in all, once it was examined."""

    CHUNK_SIZE: ClassVar[int] = 2 * 2**20
    """As Python objects the items of so many bytes take some 100 MB."""
    UNIT: ClassVar[str] = "bytes"
    ITEM_NAME: ClassVar[str] = "line"
    """What messages call an item."""
    MIN_ITEM_BYTES: ClassVar[int] = 1
    """Size of the shortest item with its line end."""
    PIECE_BYTES: ClassVar[int] = 0
    """Parsed at a time where items are called one by one; 0: a whole chunk."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", url_or_path(self.path))

    @abstractmethod
    def parse(self, raw: bytes) -> Sequence[Any]:
        """All items of some lines, fast. Raises ValueError where one has to be read by `parse_each`."""

    @abstractmethod
    def parse_each(self, raw: bytes) -> list[Any]:
        """The same line by line, with an Unreadable in the place of each that cannot be read."""

    @abstractmethod
    def series(self, items: Sequence[Any]) -> pandas.Series | pandas.DataFrame:
        """Parsed items as a batch."""

    @property
    def format(self) -> Self:
        return self

    def version(self) -> Version:
        return look(self.path, f"{self.ITEM_NAME}s").version()

    def feed(self) -> Feed | None:
        """What is spooled where a file is compressed."""
        files = self._listing().files
        return LineFeed(self, files, self._items) if is_compressed(files) else None

    def examine(self) -> Version:
        version = self.version()
        if is_compressed(listing_of(version.token).files):
            return version
        digests, counts = [], [0]
        for file in listing_of(version.token).files:
            with self._open(file, through=True) as opened:
                digest, own = hash_and_count(opened, file.size, self._items, counts.pop())
            digests.append(digest)
            counts += own
        return replace(version, hash=hash_of(digests), items=counts[-1], counts=tuple(counts))

    def examined(self, version: Version) -> Self:
        return replace(self, listing=version.token, line_ends=tuple(version.counts))

    def chunks(self, wanted: int) -> tuple[Chunk, ...]:
        # More chunks than there can be items would be empty.
        most = max(1, -(-self.version().size // self.MIN_ITEM_BYTES))
        return super(Lines, self).chunks(min(wanted, most))

    def read(self, chunk: Chunk) -> LineItems:
        pieces, listing = [], self._listing()
        for number, start, stop in listing.ranges(chunk.start, chunk.stop):
            with self._open(listing.files[number]) as file:
                begin = line_at(file, start, self._items)
                end = line_at(file, stop, self._items)
                file.seek(begin)
                pieces.append((listing.starts[number] + begin, file.read(end - begin)))
        return LineItems(self, chunk, pieces)

    def head(self, items: int, path: Path) -> Self:
        left, listing = items, look(self.path, self._items)
        if is_compressed(listing.files):
            raise TypeError(NO_HEAD.format(self))
        with open(path, "wb", opener=no_link) as out:
            while left:
                before = left
                for file in listing.files:
                    left -= self._copy(file, left, out)
                if left == before:
                    raise BadInput(
                        f"{self.path} is empty, so no {items:,} items can be taken from it. Write at "
                        f"least one {self.ITEM_NAME} to it."
                    )
        return replace(self, path=str(path), listing="", line_ends=())

    def _copy(self, file: File, most: int, out: BinaryIO) -> int:
        """Copy so many lines, or all if there are fewer. Returns how many there were."""
        left = most
        with self._open(file, through=True) as opened:
            begin = opened.seek(first_line(opened, self._items))
            if not out.tell():
                out.write(MARK[:begin])  # what follows may look like one
            while lines := list(islice(opened, min(left, _HEAD_LINES))):
                if not lines[-1].endswith(b"\n"):
                    lines[-1] += b"\n"
                out.writelines(lines)
                left -= len(lines)
        return most - left

    def locate(self, index: int) -> str:
        files = self._listing().files
        if len(files) > 1 and not self.listing:
            return self.examined(self.examine()).locate(index)
        blocks = self._first_blocks()[:-1] if len(files) > 1 else []
        firsts = [self.line_ends[block] for block in blocks] or [0]
        number = bisect_right(firsts, index) - 1
        return f"line {index - firsts[number] + 1} of {files[number].path}"

    def change(self, before: Version, now: Version) -> str:
        return change(before, now)

    def lines_before(self, offset: int) -> int:
        """How many lines begin before `offset`."""
        listing = self._listing()
        number, within = listing.place(offset)
        if self.line_ends:
            begin, end = self._first_blocks()[number : number + 2]
            counts = self.line_ends[begin : end + 1]
        else:
            counts = (0,)
            for file in listing.files[:number]:
                counts = (self._lines_before(file, file.size, counts),)
        return self._lines_before(listing.files[number], within, counts)

    def _lines_before(self, file: File, offset: int, counts: Sequence[int]) -> int:
        with self._open(file) as opened:
            return lines_before(opened, offset, self._items, counts)

    @property
    def _items(self) -> str:
        """What messages call items."""
        return f"{self.ITEM_NAME}s"

    def _listing(self) -> Listing:
        """The files as they were when the source was examined, else as they are now."""
        return listing_of(self.listing) if self.listing else look(self.path, self._items)

    def _first_blocks(self) -> list[int]:
        """Where in `line_ends` those of each file begin, and where the last is."""
        return first_blocks(self.listing, COUNT_BYTES)

    @contextmanager
    def _open(self, file: File, through: bool = False) -> Iterator[BinaryIO]:
        """`through`: it is read from its beginning on."""
        if isinstance(self.path, Url):
            from fanout_pipeline.sources.remote import opened as opened_remotely

            with opened_remotely(self.path, file.path, through) as opened:
                yield opened
            return
        try:
            with open(file.path, "rb") as opened:
                yield opened
        except OSError as error:
            raise cannot_read(str(error.filename or file.path), error) from error
