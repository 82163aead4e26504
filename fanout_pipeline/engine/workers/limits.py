"""When a worker is to be ended: its item takes too long, or it has more memory than it may have.

The parent looks now and then, and never if there is nothing to look for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fanout_pipeline.engine.calls.call_log import Announce, Call, CallLog
from fanout_pipeline.engine.system.usage import memory_bytes, resident_bytes

_LONGEST_PERIOD = 0.2
_MEMORY_PERIOD = 0.1
_LOOKS = 10
"""So often a call that takes too long is looked at."""
_SHORT_SECONDS = 0.5
"""With a limit under this a slice of quick items, of 0.02 to 0.04 s, would seem late."""
_FULL = 0.75
"""From this share of the memory it may have a worker is replaced between two chunks,"""
_GROWN = 1.25
"""if it has so many times what it had after its first chunk: another would soon have as much."""


@dataclass(frozen=True, slots=True)
class Termination:
    """A worker is to be ended."""

    how: str
    """See `Death.how`."""
    late: Call | None
    """The call that takes too long, if that is why."""


@dataclass(slots=True)
class _Seen:
    call: tuple[int, Call]
    """With the chunk's number."""
    seconds: float
    """For so long it was seen."""
    at: float


class CallTimes:
    """How long each worker has been in its present call, by looking at what it announces.

    A worker need not read a clock for each item, and time in which this process did not run (a
    stopped container) is not held against the function.
    """

    def __init__(self, limit: float | None):
        self.limit = limit
        self.period = None if limit is None else min(_LONGEST_PERIOD, limit / _LOOKS)
        self._seen: dict[int, _Seen] = {}

    @property
    def announce(self) -> Announce:
        """What workers must announce for it."""
        if self.limit is None:
            return Announce.NOTHING
        return Announce.EACH if self.limit < _SHORT_SECONDS else Announce.SLOW

    def late(self, worker: int, chunk: int, call: Call | None, now: float) -> bool:
        """Whether the call of a worker's chunk has taken too long; asked once a period."""
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
    """How much a worker may have. `limit_mb` is the user's, in MB of 2**20 bytes."""

    def __init__(self, limit_mb: int | None, share: int):
        """`share` is a worker's part of what there is, in bytes."""
        self.limit_mb = limit_mb
        self.period = None if limit_mb is None else _MEMORY_PERIOD
        self._limit = None if limit_mb is None else limit_mb * 2**20
        self._full = _FULL * (share if self._limit is None else self._limit)

    def exceeded(self, resident: int) -> str | None:
        """How a worker with so many resident bytes ends, if it must: see `Death.how`."""
        if self._limit is None or resident <= self._limit:
            return None
        return (
            f"had {resident / 2**20:.0f} MB, over worker_memory_mb={self.limit_mb}, and was ended"
        )

    def has_grown(self, first: int, resident: int) -> bool:
        """Whether to replace a worker, which had `first` bytes after its first chunk."""
        return resident > self._full and resident > _GROWN * first


class Limits:
    """Both, for all workers of a crew during one run."""

    def __init__(self, item_timeout_seconds: float | None, memory_mb: int | None, workers: int):
        self.times = CallTimes(item_timeout_seconds)
        self.memory = Memory(memory_mb, memory_bytes() // workers)
        periods = [period for period in (self.times.period, self.memory.period) if period]
        self.period = min(periods, default=None)
        """How often to look, in seconds; None: never."""
        self._looked = -math.inf

    def is_time(self, now: float) -> bool:
        """Whether to look at the workers now."""
        if self.period is None or now - self._looked < self.period:
            return False
        self._looked = now
        return True

    def termination(self, pid: int, box: CallLog, chunk: int, now: float) -> Termination | None:
        """Whether to end the worker that has this chunk."""
        if self.memory.limit_mb is not None:
            how = self.memory.exceeded(resident_bytes(pid))
            if how is not None:
                return Termination(how, None)
        call = box.call() if box.has_begun(chunk) else None
        if self.times.late(pid, chunk, call, now):
            return Termination(f"took longer than {self.times.limit:g} s", call)
        return None
