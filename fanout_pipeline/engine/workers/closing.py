"""What `setup` has made in workers is closed at the end of a run, whatever ends it: see `held_value`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.engine.model.work import Setup
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.workers.slots import Slots

_FAILED_SECONDS, _SPARE_SECONDS = 5.0, 0.5
"""For so long is waited where a run has failed, and where it was interrupted (which is to end it within a second) or a
worker has not joined it yet."""


@contextmanager
def values_closed(slots: Slots, setup: Setup | None) -> Iterator[None]:
    """At the end of the block the workers in these slots have closed what `setup` has made."""
    if setup is None:
        yield
        return
    try:
        yield
        slots.timelines(time.perf_counter())
        slots.close_values(slot for slot in slots if slot.joining is None)
        # Nobody needs what others are about to make.
        slots.end_joining()
        slots.close_values((slot for slot in slots if slot.joining is not None), _SPARE_SECONDS)
        for slot in slots:
            slot.timeline.until(time.perf_counter(), "stop")
    except BaseException as error:
        seconds = _FAILED_SECONDS if isinstance(error, Exception) else _SPARE_SECONDS
        with interrupts_held():
            slots.close_values(slots, seconds, leave_calls=True)
        raise
