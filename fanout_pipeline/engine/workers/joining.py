"""Workers that join a run while it goes on, because `growth` says that this pays.

started --> its first answer --> the work: imports, setup --> HELLO is answered: it has joined, and is given chunks
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fanout_pipeline.engine.calls.call_log import Call
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
        self._seen: dict[int, tuple[int, Call, float]] = {}
        """By the number of a slot: the chunk, the first call that was seen of those it is in, and since when."""

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
        """A look at the calls that have taken longest, or at the setup of the first worker."""
        slots = [slot for slot in self._slots if slot.assignment is not None]
        if not slots:
            return self._first_setup()
        looks = [look for slot in slots if (look := self._look(slot)) is not None]
        return max(looks, key=lambda look: look.seconds, default=None)

    def _look(self, slot: Slot) -> Look | None:
        """At the slice of calls that a worker is in, or at its calls since they have been announced one by one.

        None where it is in none: what it imports, makes or reads says nothing of how long calls take.
        """
        assert slot.assignment is not None
        chunk, log = slot.assignment.chunk, self._slots.worker(slot).call_log
        now = time.monotonic()
        if log.is_setting_up:
            slot.assigned = now  # That is no part of the chunk.
        call = log.call() if log.has_begun(chunk.number) else None
        if call is None:
            self._seen.pop(slot.number, None)
            return None
        number, first, since = self._seen.get(slot.number, (-1, call, now))
        one_by_one = call.item is not None and first.item is not None
        if number != chunk.number or not (one_by_one or call == first):
            first, since = call, now
        self._seen[slot.number] = chunk.number, first, since
        done = (call.item or 0) - (first.item or 0)
        return Look(chunk.size, done, now - since, now - since)

    def _first_setup(self) -> Look | None:
        """At what the only worker makes before its first call, as far as that is more than to start."""
        if self._work.setup is None or self._others_call or len(self._slots) != 1:
            return None
        (slot,) = self._slots
        if slot.joining is None:
            return None
        seconds = time.perf_counter() - slot.joining - self.growth.start_seconds
        return Look(0, 0, seconds, 0.0, True)
