"""How many processes, or threads, should make the calls: decided from what calls have taken so far.

Pure: numbers in, numbers out. `strategies.auto` asks again and again while the work goes on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_GAIN = 0.9
"""More workers have to bring the end so much nearer at least."""
_NEAR = 1.03
"""Of numbers of workers that would be done within this factor of the best, the smallest is taken."""
_LEAST_COMPUTING = 1 / 16
"""Calls that compute less than this share of their time are taken to compute so much: they are not free."""
_COMPUTES = 0.7
"""Calls that compute this share of their time, or more, have no more processes than there are cores."""
WAITING_PER_CORE = 4
"""Where nobody has said how many, calls that wait have up to so many processes a core."""


class Costs(NamedTuple):
    """What it costs on this machine, in seconds."""

    start_seconds: float = 0.12
    """Until a worker process that was asked for makes its first call."""
    process_seconds: float = 0.01
    """What each further one delays the others by."""


class Outlook(NamedTuple):
    """What is known of the work at one moment."""

    left_seconds: float
    """How long one caller would take for what is left."""
    computing: float
    """The share of a call's wall time that is CPU time, from 0 to 1."""


def seconds_with(workers: int, outlook: Outlook, costs: Costs, cores: int) -> float:
    """How long what is left would take if from now on so many called, others of which have to join; 0: one alone."""
    if workers == 0:
        return outlook.left_seconds
    start = costs.start_seconds + workers * costs.process_seconds
    if outlook.left_seconds <= start:
        return outlook.left_seconds + workers * costs.process_seconds
    speed = min(workers, cores / max(outlook.computing, _LEAST_COMPUTING))
    return start + (outlook.left_seconds - start) / speed


def processes(outlook: Outlook, costs: Costs, cores: int, most: int) -> int:
    """How many should call, one of which does; 0 where more do not pay."""
    if most < 2 or outlook.left_seconds <= costs.start_seconds:
        return 0
    expected = {n: seconds_with(n, outlook, costs, cores) for n in range(2, most + 1)}
    best = min(expected.values())
    if best > _GAIN * outlook.left_seconds:
        return 0
    return next(n for n, seconds in expected.items() if seconds <= _NEAR * best)


def most_processes(asked: int | None, cores: int, computing: float) -> int:
    """The most processes: as many as were asked for, or as there are cores, and more for calls that wait."""
    if asked is not None:
        return asked
    if computing >= _COMPUTES:
        return cores
    return math.ceil(cores / max(computing, 1 / WAITING_PER_CORE))
