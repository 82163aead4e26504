"""Where one worker's wall time went during one run, phase by phase.

Stamps are of time.perf_counter, which is one clock for all processes of a machine. Every second of
a lane is told by a stamp on both of its sides; what nobody told is in no phase, so that the phases'
sum beside the wall time shows what the account lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.engine.timing.stopwatch import Timed


class WorkerTimeline:
    """One worker's account, told in the order of time."""

    def __init__(self, began: float):
        self.seconds: dict[str, float] = {}
        self._told_until = began

    def until(self, stamp: float, phase: str) -> None:
        """All the time since the last that was told, up to `stamp`, was this phase."""
        self._add(phase, stamp - self._told_until)
        self._told_until = stamp

    def told(self, seconds: Mapping[str, float], stamp: float) -> None:
        """A worker's own account of the time up to `stamp`. What it leaves out is in no phase."""
        for phase, spent in seconds.items():
            self._add(phase, spent)
        self._told_until = stamp

    def worked(
        self, began: float, seconds: Mapping[str, float], imported: float, ended: float
    ) -> None:
        """A worker's account of a chunk for which it imported something first, from `began` on."""
        # What it imported before this account begins is in another's: that of starting.
        before = max(0.0, self._told_until - began)
        self.until(began + before, "send")
        self.told({**seconds, "import": max(0.0, imported - before)}, ended)

    def _add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds


def seconds_of(part: Timed) -> dict[str, float]:
    """What a worker has told of one chunk."""
    return {
        "read": part.read_seconds,
        "call": part.call_seconds,
        "write": part.write_seconds,
    }


def busy_seconds(part: Timed) -> float:
    """What a chunk took a worker, waiting for others left out."""
    return part.read_seconds + part.call_seconds + part.write_seconds


def mean(timelines: Sequence[WorkerTimeline]) -> dict[str, float]:
    """The mean over the lanes of each phase that any of them has."""
    names = {phase for timeline in timelines for phase in timeline.seconds}
    return {
        phase: sum(timeline.seconds.get(phase, 0.0) for timeline in timelines) / len(timelines)
        for phase in names
    }


def total(accounts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum of accounts that follow one another, in the order of PHASES."""
    accounts = list(accounts)
    return {
        phase: sum(account.get(phase, 0.0) for account in accounts)
        for phase in PHASES
        if any(phase in account for account in accounts)
    }
