"""What is done about workers whose calls take too long, or too much memory."""

from __future__ import annotations

import time

from fanout_pipeline.engine.workers.limits import Limits, Termination
from fanout_pipeline.engine.workers.protocol import CUT
from fanout_pipeline.engine.workers.slots import Slots
from fanout_pipeline.engine.workers.worker import Worker

LATE_SECONDS = 0.2
"""A worker is not told to give back what is left of its chunk before it has had it for so long."""


def cut_late(slots: Slots) -> None:
    """Have workers give back what is left of chunks that take too long, while others have nothing to do."""
    if not any(slot.idle for slot in slots):
        return
    now = time.monotonic()
    for slot in slots:
        if slot.assignment is None or slot.was_cut:
            continue
        if now - slot.assigned > max(LATE_SECONDS, slot.assignment.seconds):
            slot.was_cut = True
            slots.worker(slot).send_pickled(CUT)


def end_beyond_limits(slots: Slots, limits: Limits) -> None:
    """End workers that use too much memory, or have been in one call for too long."""
    now = time.monotonic()
    if not limits.is_due(now):
        return
    for slot in slots:
        if slot.assignment is None or slot.termination is not None:
            continue
        # What it has sent before is read first, and then the end of its channel.
        worker, chunk = slots.worker(slot), slot.assignment.chunk.number
        slot.termination = end_if_beyond(worker, chunk, limits, now)


def end_if_beyond(worker: Worker, chunk: int, limits: Limits, now: float) -> Termination | None:
    """End a worker that uses too much memory, or has been in one call of this chunk for too long; why it was."""
    termination = limits.termination(worker.pid, worker.call_log, chunk, now)
    if termination is None:
        return None
    if termination.late is not None:
        if termination.late != worker.call_log.call():
            return None  # It ended at the last moment.
        worker.ask_for_stack()
    worker.kill()
    return termination
