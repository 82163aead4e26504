"""How long a trial may take before it is ended: a contender that hangs must not take the comparison with it."""

from __future__ import annotations

_TIMES = 20.0
"""What was expected, so often, is no chance any more."""
_LEAST_SECONDS = 10.0
"""What was quick before may have to wait so long for a busy machine."""
_UNKNOWN_SECONDS = 60.0
"""For what was never run: some are slow by nature, and start processes."""


class TookTooLong(Exception):
    """A run was ended because it took far longer than was expected."""

    def __init__(self, seconds: float):
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"it had not ended after {self.seconds:,.0f} s, and was ended"


def limit_seconds(expected: float, known: bool) -> float:
    """For a run that should take as long as expected; `known` by its own earlier runs, or by others."""
    return max(_LEAST_SECONDS if known else _UNKNOWN_SECONDS, _TIMES * expected)
