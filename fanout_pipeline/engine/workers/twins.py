"""A chunk that takes far too long is begun a second time elsewhere, once nothing else is left to do.

The first answer counts, as a whole; the other worker is ended. Both have a number, and so files, of their own.
"""

from __future__ import annotations

import time
from typing import Any

from fanout_pipeline.engine.scheduling.assignments import Assignment
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.workers.limits import Termination
from fanout_pipeline.engine.workers.slots import Slot, Slots
from fanout_pipeline.engine.workers.worker import Workers
from fanout_pipeline.results.store.collector import PartCollector

LATE_SECONDS = 10.0
"""No chunk is late before it has taken so long."""
_LATE = 4.0
"""Nor before it has taken so many times what its units take elsewhere."""


class Twins:
    """The chunks of one run that are done twice."""

    def __init__(self, slots: Slots, workers: Workers[Any], plan: SharedPlan, parts: PartCollector):
        self._slots = slots
        self._workers = workers
        self._plan = plan
        self._parts = parts

    def begin(self, slot: Slot) -> Assignment | None:
        """What is begun in a slot that has nothing to do, although another works on it; None where nothing is late."""
        now = time.monotonic()
        late = [other for other in self._slots if self._is_late(other, slot, now)]
        if not late:
            return None
        other = min(late, key=lambda one: one.assigned)
        assert other.assignment is not None
        other.twin, slot.twin = slot, other
        chunk = self._plan.numbered(other.assignment.chunk.start, other.assignment.chunk.stop)
        return Assignment(chunk, other.assignment.seconds)

    def _is_late(self, other: Slot, slot: Slot, now: float) -> bool:
        assignment = other.assignment
        if assignment is None or assignment.suspect is not None or other.twin is not None:
            return False
        expected = _LATE * self._plan.expected_seconds(assignment.chunk)
        return now - other.assigned > max(LATE_SECONDS, expected) and self._workers.are_apart(
            other.number, slot.number
        )

    def answered(self, slot: Slot) -> None:
        """A worker has done its chunk: the other that works on it is ended, if there is one."""
        other = self._parted(slot)
        if other is None or other.assignment is None:
            return
        self._given_up(other.assignment)
        other.assignment = None
        other.termination = Termination("was too slow", None)
        self._slots.worker(other).kill()

    def died(self, slot: Slot, assignment: Assignment) -> bool:
        """Whether another goes on with what a dead worker had been given, so that it need not be done again."""
        other = self._parted(slot)
        if other is None or other.assignment is None:
            return False
        self._given_up(assignment)
        return True

    def _given_up(self, assignment: Assignment) -> None:
        self._plan.lost(assignment.chunk)
        self._parts.discard(assignment.chunk.number)

    def _parted(self, slot: Slot) -> Slot | None:
        other, slot.twin = slot.twin, None
        if other is not None:
            other.twin = None
        return other
