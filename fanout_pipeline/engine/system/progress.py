"""A line of progress now and then, for people who watch a long run."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL_SECONDS = 5.0
_FIRST_SECONDS = 2.0
_SHARE_OF_PAST = 0.1


class Progress:
    """Counts what is done and logs at most one line in so many seconds: two at first, then a tenth of
    the time so far, `interval` at most. A line costs Dagster's event log 10 ms.

    Called from one thread only. `log` takes a finished line.
    """

    def __init__(
        self,
        label: str,
        log: Callable[[str], object],
        *,
        interval: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._label = label
        self._log = log
        self._interval = interval
        self._clock = clock
        self._said: set[str] = set()
        self.begin(0)

    def begin(self, size: int) -> None:
        """Start counting towards `size`, in any unit."""
        self._size = size
        self._size_done = self._items_done = 0
        self._began = self._last_line = self._clock()

    def done(self, items: int, size: int) -> None:
        """So many more items are finished, and so much of the size."""
        self._size_done += size
        self._items_done += items
        now = self._clock()
        seconds = now - self._began
        pause = min(max(_FIRST_SECONDS, _SHARE_OF_PAST * seconds), self._interval)
        if now - self._last_line >= pause and self._size_done:
            self._last_line = now
            self._log(self._line(seconds))

    def say(self, text: str) -> None:
        """Log a line about something out of the ordinary."""
        self._log(f"{self._label}: {text}")

    def say_once(self, text: str) -> None:
        """The same, but nothing that was said so before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def _line(self, seconds: float) -> str:
        left = seconds * (self._size - self._size_done) / self._size_done
        return (
            f"{self._label}: {self._size_done / self._size:.0%}, "
            f"{self._items_done:,} items, {self._items_done / seconds:,.0f} items/s, "
            f"about {left:,.0f} s left"
        )
