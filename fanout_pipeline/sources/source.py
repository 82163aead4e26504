"""What a source is: which input it reads, how that is cut into chunks, and how a chunk is read.

docs/sources.md shows how to write a source.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

from fanout_pipeline.sources.bad_input import BadInput as BadInput
from fanout_pipeline.sources.bad_input import BadItem as BadItem
from fanout_pipeline.sources.bad_input import Unreadable as Unreadable
from fanout_pipeline.sources.items import ITEM as ITEM
from fanout_pipeline.sources.items import Chunk as Chunk
from fanout_pipeline.sources.items import Items as Items
from fanout_pipeline.sources.items import value_in as value_in
from fanout_pipeline.sources.placeholders import PARTITION, filled, has_wildcards, placeholders_in
from fanout_pipeline.sources.url import LocalPath, Url, path_of, url_or_path


@dataclass(frozen=True, slots=True)
class Version:
    """Which input a source reads."""

    token: str
    """Changes whenever the input may have changed; cheap to ask for, such as a file's size and time."""
    size: int
    """Length of the whole input in the source's own unit: chunks lie within 0 and this."""
    hash: str = ""
    """Identifies the content. Empty where the input was not examined or has no hash."""
    items: int | None = field(default=None, compare=False)
    """How many items `examine` has counted; None if it counts none."""
    counts: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """What `examine` has counted, for `Source.examined` to find the index of an item quickly."""

    @property
    def identity(self) -> str:
        """What results depend on: the hash, or the token where there is none."""
        return self.hash or self.token


class Source(ABC):
    """One input. Subclasses are frozen dataclasses, for a source is compared, shown and pickled.

    A source that reads a file keeps its path in a field `path`.
    """

    __slots__ = ()

    CHUNK_SIZE: ClassVar[int] = 100_000
    """Units that a worker may hold in memory at a time, as items: chunks are no larger by default."""
    UNIT: ClassVar[str] = "units"
    """What the source is cut by, as results record how long it was: bytes, rows, files."""
    NEEDS_PASS: ClassVar[bool] = False
    """Whether a range of it can be read only once `examine` has passed over all of it."""

    @abstractmethod
    def version(self) -> Version:
        """Which input this is now, without reading it through. Raises BadInput where there is none."""

    @abstractmethod
    def read(self, chunk: Chunk) -> Items:
        """The items that begin in a range of the source. Raises BadInput."""

    def __str__(self) -> str:
        """What messages call it."""
        return str(getattr(self, "path", "")) or repr(self)

    def locate(self, index: int) -> str:
        """Where a person finds an item: "line 12 of data/numbers.txt"."""
        return f"item {index} of {self}"

    def index_of(self, index: int) -> int:
        """The index in the whole input of one of these items, which may be some of it only."""
        return index

    def require_columns(self, names: Sequence[str]) -> None:
        """Raise BadInput unless each of these is a column that `as_arrow` can give."""
        if names:
            raise BadInput(
                f"{self} has no columns, so {' and '.join(map(repr, names))} cannot be kept. Leave out "
                "keep=, or give the source a method `require_columns(names)`."
            )

    def chunks(self, wanted: int) -> tuple[Chunk, ...]:
        """All of it in chunks of about the same size, without reading it: `wanted`, or fewer if it is short."""
        size = self.version().size
        wanted = max(1, min(wanted, size))
        edges = [size * number // wanted for number in range(wanted + 1)]
        return tuple(Chunk(n, edges[n], edges[n + 1]) for n in range(wanted))

    def sent(self, chunk: Chunk) -> Source | None:
        """What is sent to a process that is to read a chunk; None where it can read the source itself."""
        return None

    def examine(self) -> Version:
        """The version with what one pass over the input finds: a hash, and counts for `examined`.

        Token and size are those from before the pass. Called once before each run, in the process that
        starts it. By default nothing is read: an input that was only touched then counts as changed.
        """
        return self.version()

    def hashing(self, names: Sequence[str]) -> Self:
        """The same source, whose hash is of these columns, too, where it is of some columns only."""
        return self

    def examined(self, version: Version) -> Self:
        """The same source with what `examine` has found; it travels to the workers."""
        return self

    def under(self, root: Path) -> Self:
        """The same source with its path taken relative to `root`, unless it is a URL."""
        path = path_of(self)
        return self if path is None else replace(self, path=LocalPath.under(root, path))  # type: ignore[type-var]

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces in its path: `partition`, or the dimensions of a multi partition."""
        return placeholders_in(getattr(self, "path", ""))

    def at(self, partition: str, dimensions: Mapping[str, str] | None = None) -> Self:
        """The same source, of one partition: its key, and those of its dimensions, are put into the path.

        To be asked for before `under`. Raises BadInput for a key that would lead out of the folder.
        """
        path = getattr(self, "path", None)
        if path is None:
            raise TypeError(
                f"{type(self).__name__} has no path that a partition's key could be put into. Give a function "
                "that takes the key and returns the source, or give the class a method "
                "`at(partition, dimensions=None)`."
            )
        try:
            found = filled(path, {PARTITION: partition, **(dimensions or {})})
        except ValueError as error:
            raise BadInput(str(error)) from None
        if isinstance(path, Url) != isinstance(url_or_path(found), Url):
            raise BadInput(f"The partition key {partition!r} would make {path} a URL: {found}.")
        if not has_wildcards(path):
            found = LocalPath(found, is_exact=True)
        return replace(self, path=found)  # type: ignore[type-var]

    def head(self, items: int, path: Path) -> Self:
        """The source of a new file `path` that holds the first `items` items, repeated where there are fewer.

        Break-even sweeps measure with it. Raises BadInput where there are none to repeat.
        """
        raise TypeError(
            f"{type(self).__name__} cannot be cut to a number of items, as a break-even sweep "
            "does. Give it a method `head(items, path)`."
        )

    def change(self, before: Version, now: Version) -> str:
        """How it has changed, as a predicate: "grew from 5 to 7 bytes"."""
        return f"changed from {before.token} to {now.token}"
