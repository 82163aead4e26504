"""When a worker is ended: its call takes too long, or it uses more memory than it may.

The parent checks now and then, and never if there is no limit to check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fanout_pipeline.engine.calls.call_log import Announce, Call, CallLog
from fanout_pipeline.engine.system.usage import memory_bytes, resident_bytes

_LONGEST_PERIOD = 0.2
_MEMORY_PERIOD = 0.1
_CHECKS = 10
"""How often a call is checked before it is too late."""
_SHORT_SECONDS = 0.5
"""With a limit below this a slice of quick items, of 0.02 to 0.04 s, would seem late."""
_FULL = 0.75
"""Share of the memory that a worker may use from which on it is replaced between two chunks."""
_GROWN = 1.25
"""It is replaced only if it has grown by this factor since its first chunk: else another would soon use as much."""


@dataclass(frozen=True, slots=True)
class Termination:
    """The reason for ending a worker."""

    how: str
    """Completes the sentence "the worker process …": see `Death.how`."""
    late: Call | None
    """The call that takes too long, if that is the reason."""


@dataclass(slots=True)
class _Seen:
    call: tuple[int, Call]
    """The chunk's number and the call in it."""
    seconds: float
    """How long the call has been seen."""
    at: float
    """When it was seen last (time.monotonic)."""


class CallTimes:
    """How long each worker has been in its current call, as far as it announces its calls.

    So a worker need not read a clock for each item, and time in which this process did not run (a
    stopped container) is not held against the function.
    """

    def __init__(self, limit: float | None):
        self.limit = limit
        self.period = None if limit is None else min(_LONGEST_PERIOD, limit / _CHECKS)
        self._seen: dict[int, _Seen] = {}

    @property
    def announce(self) -> Announce:
        """What workers have to announce for this."""
        if self.limit is None:
            return Announce.NOTHING
        return Announce.EACH if self.limit < _SHORT_SECONDS else Announce.SLOW

    def late(self, worker: int, chunk: int, call: Call | None, now: float) -> bool:
        """Whether a worker's call has taken too long; to be asked once a period."""
        if self.limit is None or self.period is None:
            return False
        if call is None:
            self._seen.pop(worker, None)
            return False
        seen = self._seen.get(worker)
        if seen is None or seen.call != (chunk, call):
            self._seen[worker] = _Seen((chunk, call), 0.0, now)
            return False
        seen.seconds += min(now - seen.at, 2 * self.period)
        seen.at = now
        return seen.seconds >= self.limit


class Memory:
    """How much memory a worker may use. `limit_mb` is the user's limit, in MiB."""

    def __init__(self, limit_mb: int | None, share: int):
        """`share` is a worker's share of the machine's memory, in bytes."""
        self.limit_mb = limit_mb
        self.period = None if limit_mb is None else _MEMORY_PERIOD
        self._limit = None if limit_mb is None else limit_mb * 2**20
        self._full = _FULL * (share if self._limit is None else self._limit)

    def exceeded(self, resident: int) -> str | None:
        """How a worker with so many resident bytes has to end, if it has to: see `Death.how`."""
        if self._limit is None or resident <= self._limit:
            return None
        return f"used {resident / 2**20:.0f} MiB, more than worker_memory_mb={self.limit_mb}, and was ended"

    def has_grown(self, first: int, resident: int) -> bool:
        """Whether to replace a worker that had `first` bytes after its first chunk."""
        return resident > self._full and resident > _GROWN * first


class Limits:
    """Both limits, for all workers of a crew during one run."""

    def __init__(self, item_timeout_seconds: float | None, memory_mb: int | None, workers: int):
        self.times = CallTimes(item_timeout_seconds)
        self.memory = Memory(memory_mb, memory_bytes() // workers)
        periods = [period for period in (self.times.period, self.memory.period) if period]
        self.period = min(periods, default=None)
        """How often to check, in seconds; None: never."""
        self._checked = -math.inf

    def is_due(self, now: float) -> bool:
        """Whether to check the workers now."""
        if self.period is None or now - self._checked < self.period:
            return False
        self._checked = now
        return True

    def termination(
        self, pid: int, call_log: CallLog, chunk: int, now: float
    ) -> Termination | None:
        """The reason to end the worker that has this chunk; None: there is none."""
        if self.memory.limit_mb is not None:
            how = self.memory.exceeded(resident_bytes(pid))
            if how is not None:
                return Termination(how, None)
        call = call_log.call() if call_log.has_begun(chunk) else None
        if self.times.late(pid, chunk, call, now):
            return Termination(f"took longer than {self.times.limit:g} s", call)
        return None
