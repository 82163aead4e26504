"""Items that only this process has, such as those of a list: sent to workers with their chunks."""

from __future__ import annotations

from typing import Any

from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.sources.source import Chunk, Source

_MESSAGE_BYTES = 8 * 2**20
"""About how much is sent with one chunk: larger ones are cut."""


class SentItems:
    """What workers are sent of a source, if anything."""

    def __init__(self, source: Source, plan: ChunkPlan):
        self._source = source
        self._plan = plan
        self._travels = source.sent(Chunk(0, 0, 0)) is not None
        self._unit_bytes = 0.0
        """About how much a unit takes when it is sent; 0: nobody knows."""
        self._size = 0

    @property
    def common(self) -> Any:
        """The source that all workers are given, with the work."""
        return None if self._travels else self._source

    def of(self, chunk: Chunk) -> tuple[Chunk, Source | None]:
        """The chunk, or as much of it as is sent at a time, and where the worker reads it."""
        if not self._travels:
            return chunk, None
        if not self._unit_bytes:
            first = Chunk(chunk.number, chunk.start, min(chunk.start + 1, chunk.stop))
            self._size = first.size
            self.pickled(self._source.sent(first))
        most = max(1, int(_MESSAGE_BYTES / max(1.0, self._unit_bytes)))
        if chunk.size > 1.5 * most:
            chunk = self._plan.shortened(chunk, chunk.start + most)
        self._size = chunk.size
        return chunk, self._source.sent(chunk)

    def pickled(self, message: Any) -> bytes:
        """A message with the items of the chunk that was asked for last."""
        data = pickle_with_function(message, None, self._source)
        self._unit_bytes = len(data) / max(1, self._size)
        return data
