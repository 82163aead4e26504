"""The progress of a call as a bar on a terminal or in a notebook."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from fanout_pipeline.engine.system.progress import Progress

_AFTER_SECONDS = 0.5
"""A run that is over before has no bar."""
_EVERY_SECONDS = 0.1


def can_show() -> bool:
    """Whether stderr is a terminal, or a notebook's."""
    stderr = sys.stderr
    if stderr is None or stderr.closed:
        return False
    return stderr.isatty() or type(stderr).__module__.startswith("ipykernel.")


class ProgressBar(Progress):
    """Shows how far a run is as a bar, and lets lines of the log pass above it."""

    def __init__(self, label: str, log: Callable[[str], object]):
        super().__init__(label, self._above)
        self._log_line = log
        self._bar: Any = None

    def done(self, items: int, size: int) -> None:
        """Count items as finished, and draw them if it is time."""
        self._size_done += size
        self._items_done += items
        now = self._clock()
        pause = _AFTER_SECONDS if self._bar is None else _EVERY_SECONDS
        if now - self._last_line >= pause:
            self._last_line = now
            self._draw(now - self._began)

    def close(self) -> None:
        """Leave the bar as it is now, and begin no other."""
        if self._bar is not None:
            self._draw(self._clock() - self._began)
            self._tell("close")

    def _draw(self, seconds: float) -> None:
        total = self._size() if callable(self._size) else self._size
        if self._bar is None:
            self._bar = _bar(self._label, seconds)
        bar, speed = self._bar, self._items_done / seconds
        done = f"{self._items_done:,} items, {speed:,.0f} items/s"
        bar.n = self._size_done
        bar.total, bar.bar_format = None, f"{{desc}}: {done} [{{elapsed}}]"
        if total is not None:
            bar.total = max(total, self._size_done)
            bar.bar_format = (
                f"{{desc}}: {{percentage:3.0f}}%|{{bar}}| {done} [{{elapsed}}<{{remaining}}]"
            )
        self._tell("refresh")

    def _above(self, line: str) -> None:
        self._tell("clear")
        self._log_line(line)
        self._tell("refresh")

    def _tell(self, what: str) -> None:
        """Call a method of the bar, if there is one."""
        if self._bar is not None:
            try:
                getattr(self._bar, what)()
            except (OSError, ValueError):  # The terminal is gone.
                self._bar.disable = True


def _bar(label: str, seconds: float) -> Any:
    """A bar that began so many seconds ago."""
    from tqdm import tqdm  # 50 ms

    class Bar(tqdm):  # type: ignore[type-arg]
        """Without the thread and the lock for several processes that each has."""

        monitor_interval = 0
        _lock = threading.RLock()

    # Some terminals say that they have no lines.
    bar = Bar(desc=label, nrows=24, file=sys.stderr, delay=1e-9)
    bar.start_t -= seconds
    return bar
