"""Log lines that show the progress of a long run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

INTERVAL_SECONDS = 5.0
_FIRST_SECONDS = 2.0
_SHARE_OF_PAST = 0.1


class Progress:
    """Counts finished items and logs a line now and then; any thread may count.

    The first line comes after two seconds, further ones after pauses of a tenth of the time so far, but of no
    more than `interval` seconds. A line costs 10 ms in Dagster's event log.
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
        self._write = log
        self._interval = interval
        self._clock = clock
        self._logged_once: set[str] = set()
        self._counting = threading.Lock()
        self.begin(0)

    def begin(self, size: float | Callable[[], float | None]) -> None:
        """Start counting towards a total of `size`, in any unit.

        Or towards what is asked for when a line is due; None where that is not known yet.
        """
        self._size = size
        self._size_done = self._items_done = 0
        self._began = self._last_line = self._clock()

    def done(self, items: int, size: int) -> None:
        """Count items as finished, and their share of the total size."""
        with self._counting:
            self._size_done += size
            self._items_done += items
            now = self._clock()
            seconds = now - self._began
            pause = min(max(_FIRST_SECONDS, _SHARE_OF_PAST * seconds), self._interval)
            if now - self._last_line < pause or not self._size_done:
                return
            self._last_line = now
            line = self._line(seconds)
        self._write(line)

    @property
    def items(self) -> int:
        """How many items are finished."""
        return self._items_done

    @property
    def share(self) -> float | None:
        """The share of the work that is finished; None while that cannot be said."""
        size = self._size() if callable(self._size) else self._size
        return min(1.0, self._size_done / size) if size else None

    def log(self, text: str) -> None:
        """Log a line about something out of the ordinary."""
        self._write(f"{self._label}: {text}")

    def log_once(self, text: str) -> None:
        """Log a line unless it was logged so before."""
        if text not in self._logged_once:
            self._logged_once.add(text)
            self.log(text)

    def _line(self, seconds: float) -> str:
        size = self._size() if callable(self._size) else self._size
        speed = f"{self._items_done / seconds:,.0f} items/s"
        if size is None:
            return f"{self._label}: {self._items_done:,} items so far, {speed}"
        size = max(size, self._size_done)  # It may be an estimate.
        left = seconds * (size - self._size_done) / self._size_done
        return (
            f"{self._label}: {self._size_done / size:.0%}, {self._items_done:,} items, {speed}, "
            f"about {left:,.0f} s left"
        )
