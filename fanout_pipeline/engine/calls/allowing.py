"""Whether a call may be made, where the calls of all workers are limited together: see `rate`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fanout_pipeline.engine.calls.outcome import Control
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.timing.stopwatch import Stopwatch

if TYPE_CHECKING:
    from fanout_pipeline.engine.calls.rate import Limiter


class Allowing:
    """Asks for the calls of one chunk. To wait is no part of a call: neither of its time nor of its limit."""

    def __init__(self, limiter: Limiter, control: Control, stopwatch: Stopwatch):
        self.limiter = limiter
        self._control = control
        self._stopwatch = stopwatch

    def take(self, most: int, until: float | None = None) -> int:
        """How many calls may be made now, of at most so many; none only where that is later than `until`.

        Waits for it. Raises Spent where a budget allows no further call, or Stopped.
        """
        if self._control.recorder is not None:
            self._control.recorder.rest()
        with self._stopwatch.waiting():
            latest = math.inf if until is None else until
            return self.limiter.take(most, latest, self._control.stopped)


def allowing(work: Work, control: Control, stopwatch: Stopwatch) -> Allowing | None:
    """None where nothing is limited."""
    if work.limits is None:
        return None
    from fanout_pipeline.engine.calls.rate import limiter_of

    return Allowing(limiter_of(work.limits), control, stopwatch)
