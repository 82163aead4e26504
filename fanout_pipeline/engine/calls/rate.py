"""When the next call of a run may be made: one account for all its workers, threads and tasks.

It is a small file that each process locks, reads and writes (4 µs). The kernel releases the lock of a process that is
killed, and CLOCK_MONOTONIC is one clock for all processes of a machine. Calls reserve their times in advance
("generic cell rate algorithm", the token bucket with one number), so that nobody has to ask again and again.

Imported only where a run has limits.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import Spent, Stopped

_CHECK_SECONDS = 0.05
"""How often a wait asks whether the run has stopped."""
_MARGIN = 0.01
"""Calls are slower than `per_second` by this share, because a service counts by its own clock what arrives sooner or
later than it was sent. Each time that the service asks to hold back they become slower by as much again."""
_MOST_MARGINS = 4
_WORDS = struct.Struct("=7d")

_lock = threading.Lock()
_open: dict[str, Limiter] = {}


class Account:
    """What the processes of a run share. Times are of time.monotonic."""

    __slots__ = ("began", "calls", "held", "holds", "next", "refused", "seen")

    def __init__(self, words: Sequence[float]):
        self.began: float
        """When the run began."""
        self.calls: float
        """The number of calls that were allowed."""
        self.held: float
        """Until when nobody may call."""
        self.holds: float
        """How often calls were held back."""
        self.next: float
        """When a call may be made that is in step with the rate: a full bucket allows earlier ones."""
        self.refused: float
        """The number of calls that a budget did not allow."""
        self.seen: float
        """When the account was used last."""
        for name, word in zip(self.__slots__, words, strict=True):
            setattr(self, name, word)

    def words(self) -> list[float]:
        return [getattr(self, name) for name in self.__slots__]


class Limiter:
    """One process's access to the account, for all its threads: locks of files are a process's."""

    def __init__(self, limits: CallLimits, clock: Callable[[], float] | None = None):
        self.limits = limits
        self._clock = clock or (time.time if limits.several_hosts else time.monotonic)
        self._interval = 1 / limits.per_second if limits.per_second else 0.0
        self._file = os.open(limits.path, os.O_RDWR | os.O_CREAT, 0o600)
        self._threads = threading.Lock()
        with self._account():
            pass  # The run begins now, unless it has begun.

    @contextmanager
    def _account(self) -> Iterator[Account]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                words, now = os.pread(self._file, _WORDS.size, 0), self._clock()
                account = Account(_WORDS.unpack(words or bytes(_WORDS.size)))
                if self.limits.several_hosts:
                    now = max(now, account.seen)
                if not words or now < account.seen:  # The machine was started anew, and its clock.
                    account.began = account.next = account.held = now
                account.seen = now
                yield account
                os.pwrite(self._file, _WORDS.pack(*account.words()), 0)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def account(self) -> Account:
        """The account as it is."""
        with self._account() as account:
            return account

    def reserve(
        self, count: int = 1, *, again: bool = False, latest: float = math.inf
    ) -> float | None:
        """When a call may be made, which is reserved for the caller; None: a budget is spent.

        A time later than `latest` is not reserved. `again`: it was reserved, and then calls were held back. Of
        several calls (`count`) the first asks for all, where neither a rate nor a number limits them.
        """
        limits = self.limits
        with self._account() as account:
            interval = self._paced(account)
            at = max(account.seen, account.held, account.next - (limits.burst - 1) * interval)
            ends = account.began + (limits.budget_seconds or math.inf)
            if at >= ends or (not again and account.calls >= (limits.budget_calls or math.inf)):
                account.refused += 1
                account.calls -= count * again
                return None
            if at <= latest:
                account.next = max(account.next, at) + interval
                account.calls += count * (not again)
            return at

    def _paced(self, account: Account) -> float:
        return self._interval * (1 + _MARGIN * (1 + min(account.holds, _MOST_MARGINS)))

    def hold(self, seconds: float) -> None:
        """Let nobody call for so long; then calls are made at their rate, beginning with an empty bucket."""
        with self._account() as account:
            until = account.seen + seconds
            if until <= account.held:
                return
            account.held = until
            account.holds += 1
            full = (self.limits.burst - 1) * self._paced(account)
            account.next = max(account.next, until + full)
            times = int(account.holds)
        if not times & (times - 1):  # the first, second, fourth, … time
            import logging  # Most workers do without it.

            logging.getLogger("fanout_pipeline").warning(
                f"All calls are held back for {seconds:.1f} s, as retry_after says (time {times:,})."
            )

    def seconds_to(self, at: float) -> float:
        return at - self._clock()

    def is_held(self) -> bool:
        """Whether calls are being held back; asked when a reserved time has come."""
        with self._account() as account:
            return account.held > account.seen

    def take(self, most: int, until: float, stopped: Callable[[], bool]) -> int:
        """Wait until a call may be made; how many may be made now, of at most so many.

        None may where that is later than `until` (time.perf_counter). Raises Spent where a budget does not allow it, and
        Stopped soon after `stopped()` is true.
        """
        count = 1 if self.limits.one_by_one else most
        latest = self._clock() + until - time.perf_counter()
        at = self.reserve(count, latest=latest)
        while at is not None:
            if at > latest:
                return 0
            if not self._wait(at, stopped) or not self.is_held():
                return count
            latest = math.inf
            at = self.reserve(count, again=True)
        raise Spent

    def give_back(self, count: int) -> None:
        """So many of the calls that `take` has allowed at once were not made."""
        with self._account() as account:
            account.calls -= count

    def _wait(self, at: float, stopped: Callable[[], bool]) -> bool:
        """Wait until a time; whether that took any."""
        waited = False
        while (left := self.seconds_to(at)) > 0:
            if stopped():
                raise Stopped
            time.sleep(min(left, _CHECK_SECONDS))
            waited = True
        return waited

    def close(self) -> None:
        os.close(self._file)


def limiter_of(limits: CallLimits) -> Limiter:
    """The process's access to the account of these limits."""
    with _lock:
        if limits.path not in _open:
            _open[limits.path] = Limiter(limits)
        return _open[limits.path]


def release(limits: CallLimits) -> None:
    """The run is over."""
    with _lock:
        limiter = _open.pop(limits.path, None)
    if limiter is not None:
        limiter.close()
