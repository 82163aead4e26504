"""How long a run may take before it is ended, so that one that hangs does not take the comparison with it."""

from __future__ import annotations

_TIMES_EXPECTED = 20.0
"""A run that takes this many times longer than expected is taken to hang."""
_MIN_SECONDS = 10.0
"""No run is ended earlier: a busy machine may delay a short one by so much."""
MIN_SECONDS_UNKNOWN = 60.0
"""The same for a strategy that has not run yet: some start processes, or are slow by nature."""


class TookTooLong(Exception):
    """A run was ended because it took far longer than expected."""

    def __init__(self, seconds: float):
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"it was ended because it had not finished after {self.seconds:,.0f} s"


def limit_seconds(expected: float, known: bool) -> float:
    """The limit of a run that is expected to take so long; `known`: judging by its own earlier runs."""
    return max(_MIN_SECONDS if known else MIN_SECONDS_UNKNOWN, _TIMES_EXPECTED * expected)
