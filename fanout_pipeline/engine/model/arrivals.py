"""What crews know of an input that is still arriving."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from fanout_pipeline.sources.source import Chunk


class New(NamedTuple):
    """What has arrived since the last time."""

    chunks: list[Chunk]
    ended: bool
    """Whether nothing more will."""
    failed: bool = False
    """Whether that is because the rest cannot be had: then nothing more is to be begun."""


class Arrivals(Protocol):
    """Chunks that come one after the other. Not thread-safe, but for `wait` and `listen`."""

    longest: int
    """The largest size of a chunk."""

    def new(self) -> New:
        """What has arrived since the last call."""

    def require_all(self) -> None:
        """Raises what has kept the rest from arriving, if anything did."""

    def wait(self, seconds: float) -> None:
        """Wait for more, for so long at most."""

    def listen(self, listener: Callable[[], object]) -> None:
        """Call this, in another thread, whenever something has arrived, or nothing more will."""

    def taken(self, units: int | None) -> None:
        """All before that was given out, so that more may come; None: all that has arrived."""

    def size(self) -> float | None:
        """The size of all chunks, about; None while that cannot be said."""
