"""What is done about workers whose calls take too long, or too much memory."""

from __future__ import annotations

import time

from fanout_pipeline.engine.workers.limits import Limits
from fanout_pipeline.engine.workers.protocol import CUT
from fanout_pipeline.engine.workers.slots import Slots

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
        worker, chunk = slots.worker(slot), slot.assignment.chunk.number
        termination = limits.termination(worker.pid, worker.call_log, chunk, now)
        if termination is None:
            continue
        if termination.late is not None:
            if termination.late != worker.call_log.call():
                continue  # It ended at the last moment.
            worker.ask_for_stack()
        slot.termination = termination
        # What it has sent before is read first, and then the end of its channel.
        worker.kill()
