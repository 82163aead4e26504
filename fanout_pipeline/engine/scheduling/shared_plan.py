"""A chunk plan from which several threads take: those that call, and one that supervises worker processes."""

from __future__ import annotations

import threading
from typing import Any

from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.system.signals import WAIT_SECONDS
from fanout_pipeline.sources.source import Chunk


class SharedPlan(ChunkPlan):
    """See `ChunkPlan`; any thread may call. What is done to it wakes those that wait."""

    def __init__(self, *arguments: Any, **options: Any):
        self._changed = threading.Condition()
        self._stopped = False
        self.callers = 1
        """How many threads of this process call, of those that have begun; none once worker processes do."""
        super().__init__(*arguments, **options)

    def wait_for(self, number: int) -> tuple[Chunk, float] | None:
        """The next chunk and its seconds, waiting for what is left of others or still to arrive.

        None if there is no more for the thread of this number in this process.
        """
        with self._changed:
            while not self._stopped and number < self.callers:
                chunk = self.take()
                if chunk is not None:
                    return chunk, self.seconds(chunk)
                if not self.outstanding and not self.awaits:
                    break
                self._changed.wait(WAIT_SECONDS)
            return None

    def leave_to_workers(self) -> None:
        """No thread of this process is given another chunk."""
        with self._changed:
            self.callers = 0
            self._changed.notify_all()

    def require_going_on(self) -> None:
        """Raises Stopped where somebody else has stopped the run."""
        if self._stopped:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Until something is done by others, so long at most; no time at all where nothing is left."""
        with self._changed:
            if self.unfinished and not self._stopped:
                self._changed.wait(seconds)

    def wake(self) -> None:
        """Something has arrived, or nothing more will."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Wake what waits, and stop what asks `is_stopped`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def is_stopped(self) -> bool:
        return self._stopped

    @property
    def unfinished(self) -> bool:
        with self._changed:  # What is given back is neither begun nor outstanding for a moment.
            return super().unfinished

    def left_units(self) -> int:
        with self._changed:
            return super().left_units()

    def take(self) -> Chunk | None:
        with self._changed:
            return super().take()

    def seconds(self, chunk: Chunk) -> float:
        with self._changed:
            return super().seconds(chunk)

    def left_seconds(self) -> float:
        with self._changed:
            return super().left_seconds()

    def shortened(self, chunk: Chunk, stop: int) -> Chunk:
        with self._changed:
            self._changed.notify_all()
            return super().shortened(chunk, stop)

    def done(self, chunk: Chunk, seconds: float, rest: Chunk | None) -> None:
        with self._changed:
            super().done(chunk, seconds, rest)
            self._changed.notify_all()

    def cut_off(self, chunk: Chunk) -> None:
        with self._changed:
            super().cut_off(chunk)
            self._changed.notify_all()

    def lost(self, chunk: Chunk) -> None:
        with self._changed:
            super().lost(chunk)
            self._changed.notify_all()
