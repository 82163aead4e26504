"""What a source has to give in order to be spooled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from fanout_pipeline.sources.source import Source


class Group(NamedTuple):
    """Whole items that follow one another, as they are written to the file."""

    data: bytes
    units: int
    """How much it is in the unit of the source that reads the file."""
    items: int
    is_open: bool = False
    """Whether the last item has no end of its own: it would have gone on had the input."""
    part: int = 0
    """The number of the file, where the input is several, that it comes from."""


class Feed(ABC):
    """An input that is read once, from its beginning to its end, by one thread."""

    unit = "item"
    """What messages call a unit."""
    is_consumed = False
    """Whether what it has given cannot be had again: then all of it is called with, though it fails."""
    may_wait = True
    """Whether it can be read no further ahead of the calls than is of use, however long they take."""

    @abstractmethod
    def reader(self, files: Files) -> Source:
        """The source of what has arrived: it is read in ranges, in any process, and can be pickled."""

    @abstractmethod
    def groups(self) -> Iterator[Group]:
        """All of the input, in order. Equal input gives equal data, however that is cut into groups.

        Raises BadInput where it cannot be read.
        """

    def beginning(self, group: Group, items: int) -> Group:
        """The first items of a group that has more, at least so many: all where it cannot be cut."""
        return group

    def share(self) -> float | None:
        """How much of the input was read so far, from 0 to 1; None where its length is unknown."""
        return None

    def interrupt(self) -> None:
        """Make `groups` raise, or return, soon, as far as that is possible; from another thread."""
        return


@dataclass(frozen=True, slots=True)
class Files:
    """Where one spool is on disk."""

    data: Path
    index: Path
    key: bytes
    """Known to the process that writes and to those that it tells: see `index.seal`."""


@runtime_checkable
class MayNeedSpool(Protocol):
    """A source of a kind that may not be cut in place."""

    def feed(self) -> Feed | None:
        """What is spooled; None where the source can be cut after all."""


def feed_of(source: Source) -> Feed | None:
    """What has to be spooled before a source can be cut; None where it is cut in place."""
    return source.feed() if isinstance(source, MayNeedSpool) else None
