"""What it costs to pickle and unpickle what travels between processes, from a sample."""

from __future__ import annotations

import time
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

SAMPLE_EVERY = 256
"""One value in so many is pickled and unpickled once more, under the clock."""


class PickleSample:
    """Bytes and CPU time of pickling and unpickling a sample of what travels."""

    def __init__(self) -> None:
        self._values = 0
        self._bytes = 0
        self._seconds = 0.0

    def take(self, value: Any, values: int = 1) -> None:
        """Pickle and unpickle a value that travels as it is, or a list of so many `values`."""
        # Measuring ends no run: what cannot be pickled is answered for where it is sent.
        with suppress(Exception):
            # Not the wall clock: in a process with threads it would count waiting for the GIL.
            before = time.thread_time()
            began = time.thread_time()
            pickled = ForkingPickler.dumps(value)
            ForkingPickler.loads(pickled)
            # Looking at this clock takes a tenth of what pickling a number does.
            self._seconds += time.thread_time() - began - (began - before)
            self._bytes += len(pickled)
            self._values += values

    def scaled(self, values: int) -> tuple[int, float]:
        """The bytes and seconds of so many values, of which the sample is a part."""
        factor = values / self._values if self._values else 0.0
        return round(self._bytes * factor), self._seconds * factor
