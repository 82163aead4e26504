"""Where one worker's wall time went during one run, phase by phase.

Timestamps are of time.perf_counter, which is one clock for all processes of a machine. What nobody accounts for
is in no phase, so that the sum of the phases beside the wall time shows what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fanout_pipeline.engine.timing.phases import PHASES

if TYPE_CHECKING:
    from fanout_pipeline.results.store.manifest import PartRecord


class WorkerTimeline:
    """One worker's time from the beginning of a run, accounted for in the order of time."""

    def __init__(self, began: float):
        self.seconds: dict[str, float] = {}
        """Seconds by the names of phases."""
        self._until = began

    def until(self, stamp: float, phase: str) -> None:
        """Count all time that is not accounted for, up to `stamp`, as this phase."""
        self._add(phase, stamp - self._until)
        self._until = stamp

    def add(self, seconds: Mapping[str, float], until: float) -> None:
        """Add what a worker says of the time up to a timestamp. What it leaves out is in no phase."""
        for phase, spent in seconds.items():
            self._add(phase, spent)
        self._until = until

    def add_chunk(self, part: PartRecord, import_seconds: float, ended: float) -> None:
        """Add the chunk that a worker process has just done, and before it what had to be imported."""
        began = ended - busy_seconds(part)
        # An import that began before this account did belongs to the account of starting the worker.
        imported = max(0.0, min(import_seconds, began - self._until))
        self.until(began - imported, "wait")
        self.until(began, "start")
        self.add(seconds_of(part), ended)

    def _add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds


def seconds_of(part: PartRecord) -> dict[str, float]:
    """What a worker spent on one chunk."""
    seconds = {"read": part.read_seconds, "call": part.call_seconds, "write": part.write_seconds}
    return {**seconds, "wait": part.wait_seconds} if part.wait_seconds else seconds


def busy_seconds(part: PartRecord) -> float:
    """How long a worker was busy with one chunk, held back by limits or not."""
    return part.read_seconds + part.call_seconds + part.write_seconds + part.wait_seconds


def mean(timelines: Sequence[WorkerTimeline]) -> dict[str, float]:
    """The mean over the workers of each phase that any of them has."""
    names = {phase for timeline in timelines for phase in timeline.seconds}
    return {
        phase: sum(timeline.seconds.get(phase, 0.0) for timeline in timelines) / len(timelines)
        for phase in names
    }


def total(accounts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum of accounts that follow one another, in the order of PHASES."""
    accounts = list(accounts)
    names = {phase for account in accounts for phase in account}
    return {
        phase: sum(account.get(phase, 0.0) for account in accounts)
        for phase in sorted(names, key=list(PHASES).index)
    }
