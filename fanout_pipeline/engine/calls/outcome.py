"""What is asked of the calls of one chunk, and what they have come to: see `items` and `batch`.

Named tuples: to create the class of a dataclass takes each worker process 0.2 to 0.5 ms, that of a named tuple a
tenth of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fanout_pipeline.engine.model.errors import Failure
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.call_log import Recorder


class Control(NamedTuple):
    """How long the calls of a chunk may go on, what stops them, and what records them."""

    seconds: float = math.inf
    """No item is begun after this many seconds of calls, except the first."""
    stopped: Callable[[], bool] = lambda: False
    """Whether the run has failed elsewhere. Asked between calls."""
    recorder: Recorder | None = None
    failure: Failure | None = None
    """The failure of a chunk's only item, which is then not called."""


UNLIMITED = Control()
"""The whole chunk, which nothing stops."""


class Outcome(NamedTuple):
    """As much of a chunk as was done in the time there was."""

    part: PartRecord
    rest: Chunk | None
    """What is left to do; None if nothing is."""
    began: float
    """When the chunk was taken up (time.perf_counter)."""
    ended: float
    import_seconds: float = 0.0
    """Time for imports that only failed items or writing needed."""
    error: BaseException | None = None
    """What has ended the calls, and is to be raised once the part is added."""

    def without(self, seconds: float, cpu_seconds: float, before: float) -> Outcome:
        """Where calls were given what took so long to make in the middle of them, and `before` in front of them."""
        part = replace(
            self.part,
            call_seconds=max(0.0, self.part.call_seconds - seconds),
            call_cpu_seconds=max(0.0, self.part.call_cpu_seconds - cpu_seconds),
        )
        return self._replace(part=part, import_seconds=self.import_seconds + before + seconds)

    def range(self, chunk: Chunk) -> tuple[int, int]:
        """The range of the source that was done."""
        return chunk.start, chunk.stop if self.rest is None else self.rest.start

    def raise_error(self) -> None:
        """Raise what has ended the calls, if anything has."""
        if self.error is not None:
            raise self.error

    def size(self, chunk: Chunk) -> int:
        """How much of the chunk was done, in units of the source."""
        start, stop = self.range(chunk)
        return stop - start


ProcessChunk = Callable[[Work, Chunk, Control], Outcome]
"""`items.process_chunk`, or `batch.process_batch`, which always does the whole chunk."""
