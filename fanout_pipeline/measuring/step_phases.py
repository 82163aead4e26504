"""Where the wall time of a run of Dagster's went, from when its steps and their processes began.

Like workers, steps run beside each other, `lanes` at a time: each phase is the mean over the lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepSpan:
    """One step in a process of its own. Times are seconds since the epoch."""

    pid: int
    launched: float
    """The executor began to start the process."""
    began: float
    """The process was there."""
    started: float
    """It had imported what it needs."""
    ended: float


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was timed in a process of the run: name of a phase, begin, duration."""

    pid: int
    phase: str
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """A run in a process of its own, from the start of that to its end."""

    began: float
    imported: float
    """The run's process has imported Dagster and the code location."""
    executed: float
    """The run is over; its process ends."""
    ended: float
    pid: int
    steps: tuple[StepSpan, ...]
    """Empty where the steps run in the run's own process."""
    operations: tuple[Operation, ...]
    work: dict[str, float]
    """What the steps did by themselves (read, call, write, gather): sums over all steps."""
    check_seconds: float
    """What checking the results took, which is no part of the work and is taken out."""

    @property
    def wall_seconds(self) -> float:
        return self.ended - self.began - self.check_seconds


def run_phases(timeline: RunTimeline, timelines: int) -> dict[str, float]:
    """Seconds by phase; they sum to `wall_seconds`."""
    first = min((step.launched for step in timeline.steps), default=timeline.executed)
    last = max((step.ended for step in timeline.steps), default=first)
    timelines = timelines if timeline.steps else 1
    # Outside the steps the run's own process is all there is; beside them it is not counted.
    alone = [
        operation
        for operation in timeline.operations
        if operation.pid == timeline.pid and not first <= operation.began < last
    ]
    in_steps = [
        operation
        for operation in timeline.operations
        if any(
            operation.pid == step.pid and step.started <= operation.began <= step.ended
            for step in timeline.steps
        )
    ]
    phases = {name: seconds / timelines for name, seconds in timeline.work.items()}
    for operation, share in [(o, 1) for o in alone] + [(o, timelines) for o in in_steps]:
        phases[operation.phase] = phases.get(operation.phase, 0) + operation.seconds / share
    work = sum(timeline.work.values())
    outside = (first - timeline.imported) + (timeline.executed - last)
    inside = sum(step.ended - step.started for step in timeline.steps)
    own = outside + inside / timelines - _total(alone) - _total(in_steps) / timelines
    phases["framework"] = own - (work + timeline.check_seconds) / timelines
    phases["import"] = timeline.imported - timeline.began
    phases["import"] += sum(step.started - step.began for step in timeline.steps) / timelines
    phases["launch"] = sum(step.began - step.launched for step in timeline.steps) / timelines
    # While the results are checked the other lanes are idle: that is taken out, too.
    idle = _idle(timeline.steps, timelines, first, last) - (timelines - 1) * timeline.check_seconds
    phases["wait"] = idle / timelines
    phases["stop"] = timeline.ended - timeline.executed
    return phases


def _total(operations: Iterable[Operation]) -> float:
    return sum(operation.seconds for operation in operations)


def _idle(steps: Sequence[StepSpan], timelines: int, first: float, last: float) -> float:
    """Seconds of all lanes in which they had no step."""
    free = [first] * timelines
    idle = 0.0
    for step in sorted(steps, key=lambda step: step.launched):
        lane = min(range(timelines), key=lambda lane: free[lane])
        idle += step.launched - free[lane]
        free[lane] = step.ended
    return idle + sum(last - end for end in free)
