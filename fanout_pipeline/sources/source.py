"""What every input format offers: cutting without reading, and reading one chunk.

A chunk is a descriptor of a few numbers. It travels to the workers; the data does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import pandas


class BadInput(Exception):
    """The input cannot be read as what it should be.

    The message names the file, the line where there is one (counted from 1 in the whole file),
    the offending text, shortened, and what to do.
    """


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of an item: a record that is none, though it is certain where it begins and ends."""

    text: str
    """The record in printable text, shortened."""
    reason: str
    """What is wrong with it, in words that follow its place: "is not an integer"."""
    advice: str
    """What to do, in whole sentences."""

    def at(self, where: str) -> BadInput:
        """The error, for a run that does not go on without the record."""
        return BadInput(f"{where} {self.reason}: {self.text}. {self.advice}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous run of items, by its place in the input."""

    number: int
    """Position among the chunks, from 0. It decides the order of the results."""
    start: int
    """First byte of the range."""
    stop: int
    """First byte after the range. The chunk owns the lines that *begin* in [start, stop)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which bytes an output was made from."""

    path: str
    bytes: int
    sha256: str
    counts: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """How many items begin before each block of the input, where they had to be counted."""

    def recorded(self) -> dict[str, Any]:
        """As it is kept beside the results."""
        return {"path": self.path, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when an input does, and costs nothing to look at."""

    bytes: int
    modified_ns: int
    inode: int
    """Another, where the file was replaced as a whole."""


def require_unchanged(source: Source, stamp: Stamp) -> None:
    """Raises BadInput unless the source is what it was when the stamp was taken."""
    try:
        now = source.stamp()
    except BadInput as error:
        raise BadInput(f"{source.path} was removed while it was read. {_ONE_WRITER}") from error
    if now != stamp:
        if now.inode != stamp.inode:
            how = "was replaced"
        elif now.bytes != stamp.bytes:
            how = f"{'grew' if now.bytes > stamp.bytes else 'shrank'} from {stamp.bytes:,} to {now.bytes:,} bytes"
        else:
            how = "was written to"
        raise BadInput(f"{source.path} {how} while it was read. {_ONE_WRITER}")


_ONE_WRITER = (
    "Nothing was made visible; earlier results are as they were. Run again when nobody writes to "
    "the file any more."
)


class Source(Protocol):
    """One input in one format. Implementations are frozen and can be pickled.

    A chunk is read in two steps, so that its items are counted before they are parsed.
    """

    @property
    def path(self) -> str:
        """Where the input is."""

    def under(self, root: Path) -> Self:
        """The same source with its path taken relative to `root`."""

    def fingerprint(self) -> Fingerprint:
        """Size and SHA-256 of the input, read through. Raises BadInput where it cannot be read."""

    def indexed(self, fingerprint: Fingerprint) -> Self:
        """The same source with what was counted for its fingerprint: `first_index` is quick then."""

    def first_index(self, chunk: Chunk) -> int:
        """The index of the first item that begins in the chunk's range."""

    def stamp(self) -> Stamp:
        """A look at the input without reading it. Raises BadInput where there is none."""

    def size(self) -> int:
        """Bytes of the input. Raises BadInput where there is none."""

    def cut(self, chunks: int) -> tuple[Chunk, ...]:
        """Cut into at most `chunks` chunks (at least one), without reading the input."""

    def load(self, chunk: Chunk) -> bytes:
        """The raw bytes of exactly the chunk's items."""

    def count(self, raw: bytes) -> int:
        """How many items `raw` holds, without parsing them."""

    def rest(self, chunk: Chunk, raw: bytes, items: int) -> Chunk:
        """What follows the first `items` items of a chunk that was loaded as `raw`."""

    def parse(self, raw: bytes, first_index: int) -> Sequence[Any]:
        """The items of `raw`; `first_index` only places them in error messages.

        Raises BadInput with the place of the first record that cannot be read.
        """

    def parse_each(self, raw: bytes) -> list[Any]:
        """The same, record by record, where `parse` has raised: with an Unreadable in the place of each
        that cannot be read. Raises BadInput where it is not certain where records end.
        """

    def parse_batch(self, raw: bytes, first_index: int) -> pandas.Series:
        """The items of `raw` as a pandas Series, for functions that take a whole batch.

        Raises as `parse` does.
        """

    def as_batch(self, items: Sequence[Any]) -> pandas.Series:
        """Items that are read already as `parse_batch` gives them."""

    def head(self, items: int, path: Path) -> Self:
        """The source of `path`, to which it writes the first `items` items, from the beginning
        again where there are fewer. Raises BadInput where there are none to repeat.
        """

    def where(self, index: int) -> str:
        """Where a person finds the item: "line 12 of data/numbers.txt"."""
