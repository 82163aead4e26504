"""What `auto` has chosen and why, in a sentence with its numbers."""

from __future__ import annotations

from typing import NamedTuple

from fanout_pipeline.engine.scheduling.calls_so_far import CallsSoFar
from fanout_pipeline.engine.scheduling.choose import Outlook

_WAITS = 0.2
"""Calls that compute less than this share of their time are said to wait."""
_WRONG = 4 / 3
"""An estimate that was wrong by more than this factor is said to be."""


class Chosen(NamedTuple):
    """A decision, and what it was made from."""

    outlook: Outlook
    workers: int
    seconds: float
    """How long what was left was to take with them."""
    at: float
    """When (time.perf_counter)."""


def cost(calls: CallsSoFar) -> str:
    """What an item took; there was one."""
    found = f"{duration(calls.wall_seconds / calls.items)} an item"
    waits = calls.cpu_seconds < _WAITS * calls.wall_seconds
    return found + (", nearly all of it waiting" if waits else "")


def estimated(chosen: Chosen, took: float, joined: int, joined_seconds: float) -> str:
    """What was expected of a choice, and how long it took. Of those that `joined` the last took so long to."""
    outlook, workers, expected, _ = chosen
    last = f"the last joined after {duration(joined_seconds)}"
    text = (
        f"{duration(outlook.left_seconds)} of them left: {workers} processes were to take "
        f"{duration(expected)}; {last if joined else 'none had joined by then'}; took {duration(took)}"
    )
    if took > _WRONG * expected or expected > _WRONG * took:
        why = "calls did not go on as they had begun"
        if not joined and took > expected:
            why = "they took longer to begin"
        text += f", so the estimate was wrong, as {why}"
    return text


def duration(seconds: float) -> str:
    """A length of time, to two digits and more."""
    for unit, length in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= length:
            return f"{seconds / length:,.3g} {unit}" if seconds < 100 else f"{seconds:,.0f} s"
    return f"{seconds * 1e9:,.0f} ns"
