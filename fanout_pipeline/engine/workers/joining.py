"""Workers that join a run while it goes on, because `growth` says that this pays.

started --> its first answer --> the work: imports, setup --> HELLO is answered: it has joined, and is given chunks
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.model.errors import SetupFailed
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.workers.protocol import HELLO
from fanout_pipeline.engine.workers.slots import Slot, Slots


class Joining:
    """The workers of one run that were not there when it began."""

    def __init__(
        self,
        growth: Growth,
        slots: Slots,
        work: Work,
        message: Callable[[], bytes],
        others_call: bool,
    ):
        """`message`: what a worker is sent first; `others_call`: the run can do without any worker that joins."""
        self.growth = growth
        self._slots = slots
        self._work = work
        self._message = message
        self._others_call = others_call

    def start_wanted(self) -> None:
        """Start as many workers as there are to be."""
        for _ in range(len(self._slots), self.growth.wanted(self._longest())):
            # Results that cannot be pickled could not come back.
            why = getattr(self._work.generation, "unsendable", "")
            try:
                message = b"" if why else self._message()
            except TypeError as error:
                if not self._others_call:
                    raise
                why = str(error)
            if why:
                self.growth.refuse(why)
                return
            slot = self._slots.add()
            slot.introduced = True
            worker = self._slots.worker(slot)
            worker.send_pickled(message)
            worker.send(HELLO)

    def has_joined(self, slot: Slot, setup_seconds: float) -> None:
        """A worker has answered, once it had imported what it needs and called setup for so long."""
        now = time.perf_counter()
        if slot.joining is None:  # The run before had wanted it, and ended without it.
            slot.timeline.until(now, "start")
            return
        self.growth.set_up(setup_seconds)
        self.growth.joined(now - slot.joining, setup_seconds)
        slot.joining = None
        slot.timeline.until(now, "start")

    def can_do_without(self, slot: Slot, error: BaseException) -> bool:
        """Whether a worker has answered with an error that does not end the run: it cannot join, and need not."""
        if not (self._others_call and slot.joining is not None and isinstance(error, Exception)):
            return False
        if isinstance(error, SetupFailed):
            return False
        self.growth.refuse(str(error))
        return True

    def has_died(self, slot: Slot, how: str) -> None:
        """A worker has died before it had joined."""
        if self._others_call:
            self.growth.refuse(f"a worker process {how} before it had joined")
        else:  # Another is started when there is something to do.
            slot.joining = None

    def _longest(self) -> Look | None:
        """A look at the chunk that a worker has had for the longest time, or at the setup of the first."""
        slots = [slot for slot in self._slots if slot.assignment is not None]
        for slot in slots:
            if self._slots.worker(slot).call_log.is_setting_up:
                slot.assigned = time.monotonic()  # That is no part of the chunk.
        if not slots:
            return self._first_setup()
        slot = min(slots, key=lambda one: one.assigned)
        assert slot.assignment is not None
        seconds = time.monotonic() - slot.assigned
        return Look(slot.assignment.chunk.size, 0, seconds, seconds)

    def _first_setup(self) -> Look | None:
        """At what the only worker makes before its first call, as far as that is more than to start."""
        if self._work.setup is None or self._others_call or len(self._slots) != 1:
            return None
        (slot,) = self._slots
        if slot.joining is None:
            return None
        seconds = time.perf_counter() - slot.joining - self.growth.start_seconds
        return Look(0, 0, seconds, 0.0, True)
