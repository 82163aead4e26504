"""As much of a chunk as is done in one go, and what does it: see `chunk_work` and `batch_work`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol

from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.engine.timing.stopwatch import AnyTimed, Stopwatch
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk


@dataclass(frozen=True, slots=True)
class Outcome(Generic[AnyTimed]):
    """As much of a chunk as was done in the time there was."""

    part: AnyTimed
    rest: Chunk | None
    """What is left to do; None if nothing is."""
    import_seconds: float = 0.0
    """What had to be imported for failed items, or to write."""

    def range(self, chunk: Chunk) -> tuple[int, int]:
        """From where to where of the source this is."""
        return chunk.start, chunk.stop if self.rest is None else self.rest.start

    def size(self, chunk: Chunk) -> int:
        """How much of the chunk this is, in units of the source."""
        start, stop = self.range(chunk)
        return stop - start


class RunPiece(Protocol):
    """`run_piece`, or `batch_work.run_batch`, which does whole chunks only."""

    def __call__(
        self,
        work: Work,
        chunk: Chunk,
        *,
        seconds: float = ...,
        stopped: Callable[[], bool] = ...,
        stopwatch: Stopwatch | None = ...,
    ) -> Outcome[PartRecord]: ...
