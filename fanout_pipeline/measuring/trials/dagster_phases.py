"""Where the wall time of a Dagster run went, judging by when its steps and their processes began.

Steps run beside each other, like workers, up to `concurrent_steps` at a time: each phase is the mean
over that number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepSpan:
    """One step in a process of its own. Times are seconds since the epoch."""

    pid: int
    launched: float
    """When the executor began to start the process."""
    began: float
    """When the process existed."""
    started: float
    """When the process had imported what it needs."""
    ended: float


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was timed in a process of the run."""

    pid: int
    phase: str
    """The name of the phase that it belongs to."""
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """A run in a process of its own, from the start of that process to its end."""

    began: float
    imported: float
    """When the run's process had imported Dagster and the code location."""
    executed: float
    """When the run was over and its process began to end."""
    ended: float
    pid: int
    steps: tuple[StepSpan, ...]
    """Empty where the steps run in the run's own process."""
    operations: tuple[Operation, ...]
    work: dict[str, float]
    """What the steps did themselves (read, call, write, commit), in seconds summed over all steps."""
    check_seconds: float
    """How long checking the results took, which is no part of the work and is taken out."""

    @property
    def wall_seconds(self) -> float:
        return self.ended - self.began - self.check_seconds


def run_phases(timeline: RunTimeline, concurrent_steps: int) -> dict[str, float]:
    """Seconds by phase; they sum to `wall_seconds`."""
    steps = timeline.steps
    first = min((step.launched for step in steps), default=timeline.executed)
    last = max((step.ended for step in steps), default=first)
    beside = concurrent_steps if steps else 1
    # Outside the steps there is only the run's own process; beside them it is not counted.
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
            for step in steps
        )
    ]
    phases = {name: seconds / beside for name, seconds in timeline.work.items()}
    for operation, share in [(o, 1) for o in alone] + [(o, beside) for o in in_steps]:
        phases[operation.phase] = phases.get(operation.phase, 0) + operation.seconds / share
    work = sum(timeline.work.values())
    outside = (first - timeline.imported) + (timeline.executed - last)
    inside = sum(step.ended - step.started for step in steps)
    own = outside + inside / beside - _total(alone) - _total(in_steps) / beside
    phases["framework"] = own - (work + timeline.check_seconds) / beside
    phases["launch"] = timeline.imported - timeline.began
    phases["launch"] += sum(step.started - step.launched for step in steps) / beside
    # While the results are checked no other step runs: that idle time is taken out, too.
    idle = _idle(steps, beside, first, last) - (beside - 1) * timeline.check_seconds
    phases["wait"] = idle / beside
    phases["stop"] = timeline.ended - timeline.executed
    return phases


def _total(operations: Iterable[Operation]) -> float:
    return sum(operation.seconds for operation in operations)


def _idle(steps: Sequence[StepSpan], places: int, first: float, last: float) -> float:
    """Seconds, summed over all places for a step, in which a place had none."""
    free = [first] * places
    idle = 0.0
    for step in sorted(steps, key=lambda step: step.launched):
        place = min(range(places), key=lambda place: free[place])
        idle += step.launched - free[place]
        free[place] = step.ended
    return idle + sum(last - end for end in free)
