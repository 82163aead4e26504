"""How many threads call: as many as bring more. Pure: what is seen goes in, a number comes out.

one thread alone computes   --> a second on trial --> more cores in use: as many as there are cores
                                                  '-> no more: the GIL is held, one is enough
one thread alone waits      --> some --> more done: twice as many, and so on
                                     '-> no more: so many are enough
"""

from __future__ import annotations

import math
from typing import NamedTuple

_ALONE_SECONDS = 0.03
"""One thread is watched for so long before others begin."""
_TRIAL_SECONDS = 0.15
"""So long are more watched before it is decided whether they bring more."""
_PATIENCE_SECONDS = 3.0
"""Calls that wait for longer than this are not waited for before more threads begin."""
_SHORT_SECONDS = 0.05
"""Not worth a thread."""
_COMPUTES = 0.6
"""From this share of its time on, a thread is taken to compute."""
_RELEASED = 1.6
"""So many cores in use by two threads, or asked for, show that calls release the GIL: one that waits for the GIL
asks for none. Threads that take turns with it had 1.0 to 1.4, others 1.9."""
_SATURATED = 0.9
"""So many cores in use by threads that hold the GIL are all that they can use."""
_MORE = 1.2
"""Twice as many threads have to do so much more."""
_FIRST = 16
"""The most threads with which calls that wait are tried first."""


class Seen(NamedTuple):
    """What all threads that call have done, at one moment."""

    now: float
    items: int
    cpu_seconds: float
    """In which they had a core, or waited for one."""


class ThreadGrowth:
    """The number of calling threads of one run."""

    def __init__(self, most: int, cores: int):
        self._most = most
        self._cores = cores
        self.count = 1
        self.settled = most < 2
        """Whether it stays as it is."""
        self.computing = 1.0
        """The share of its time that one thread computes."""
        self._before = 1
        self._window: Seen | None = None
        self._rate = 0.0
        self._holds_gil = False
        self._began_as_two = False

    @property
    def leaves_cores_unused(self) -> bool:
        """Whether processes could use more cores than these threads, which hold the GIL."""
        return self.settled and self._holds_gil

    def begin_two(self) -> bool:
        """A second one begins before anything is seen of calls; whether that is news."""
        if self.settled or self.count > 1:
            return False
        self.count, self._began_as_two = 2, True
        return True

    def settle(self) -> bool:
        """Whether one thread calls, which goes on alone then."""
        if self.count > 1:
            return False
        self.settled = True
        return True

    def wanted(self, seen: Seen, left_seconds: float) -> int:
        """How many there should be now; fewer than before where the last ones have brought nothing."""
        if self.settled:
            return self.count
        if self._window is None:
            if seen.items or not self._began_as_two:
                self._window = seen
            return self.count
        seconds = seen.now - self._window.now
        if seconds < (_ALONE_SECONDS if self.count == 1 else _TRIAL_SECONDS):
            return self.count
        cores = (seen.cpu_seconds - self._window.cpu_seconds) / seconds
        done = seen.items - self._window.items
        if self.count == 1:
            if left_seconds > _SHORT_SECONDS:
                self._alone(cores, done / seconds)
        elif self._began_as_two:
            self._two(cores, done / seconds)
        elif self.computing >= _COMPUTES:
            self._tried(cores)
        elif done >= 2 * self.count or seconds >= _PATIENCE_SECONDS:
            self._waited(cores, done / seconds)
        return self.count

    def _alone(self, cores: float, rate: float) -> None:
        self.computing = min(1.0, cores)
        self._rate = rate
        if self.computing >= _COMPUTES:
            self._try(2)
        else:
            self._try(min(_FIRST, max(2, math.ceil(1 / max(cores, 1 / _FIRST)))))

    def _two(self, cores: float, rate: float) -> None:
        """Two were watched that have begun together: what one alone does is not known."""
        self._began_as_two = False
        self.computing = cores / 2
        if self.computing < _COMPUTES / 2:
            self._rate = rate
            self._try(_FIRST)
        elif cores >= _RELEASED:
            self._tried(cores)
        else:
            self.settled = self._holds_gil = True

    def _try(self, count: int) -> None:
        self._before, self.count = self.count, min(self._most, count)
        self._window = None

    def _tried(self, cores: float) -> None:
        """Two threads that compute were watched."""
        self.settled = True
        if cores >= _RELEASED:
            self.count = max(2, min(self._most, self._cores))
        else:
            self.count = 1
            self._holds_gil = True

    def _waited(self, cores: float, rate: float) -> None:
        """Some threads whose calls wait were watched."""
        if min(cores, self.count * self.computing) >= _SATURATED:
            self.settled = True
            self._holds_gil = cores < _RELEASED
        elif self.count < self._most and rate >= _MORE * self._rate:
            self._rate = rate
            self._try(2 * self.count)
        else:
            self.settled = True
            if rate < _MORE * self._rate and self._before > 1:
                self.count = self._before  # The last ones have brought nothing.
