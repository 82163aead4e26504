"""What it costs to pickle and unpickle what travels between processes, from a sample."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

SAMPLE_EVERY = 64
"""One value in so many is pickled and unpickled once more, under the clock,"""
IN_A_ROW = 16
"""so many one after the other: a single one would find the processor's caches without it."""


class PickleSample:
    """Bytes and CPU time of pickling and unpickling a sample of what travels."""

    def __init__(self) -> None:
        self._values = 0
        self._bytes = 0
        self._seconds = 0.0

    def take(self, value: Any, values: int = 1) -> None:
        """Pickle and unpickle what travels as it is, a list of so many `values` maybe."""
        self.take_each([value], values)

    def take_each(self, travelling: Sequence[Any], values: int = 1) -> None:
        """The same of each of several."""
        # Measuring ends no run: what cannot be pickled is answered for where it is sent.
        with suppress(Exception):
            # Not the wall clock: in a process with threads it would count waiting for the GIL.
            before = time.thread_time()
            began = time.thread_time()
            for value in travelling:
                pickled = ForkingPickler.dumps(value)
                ForkingPickler.loads(pickled)
                self._bytes += len(pickled)
                self._values += values
            # Looking at this clock takes a tenth of what pickling a number does.
            self._seconds += time.thread_time() - began - (began - before)

    def scaled(self, values: int) -> tuple[int, float]:
        """The bytes and seconds of so many values, of which the sample is a part."""
        factor = values / self._values if self._values else 0.0
        return round(self._bytes * factor), self._seconds * factor
