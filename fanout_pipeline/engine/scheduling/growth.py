"""How many workers a run has, decided again and again while it goes on; and the sentence that says why.

chunks that were done, the one in progress --> Outlook --> choose.processes --> worker processes join
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.scheduling.choose import (
    Costs,
    Outlook,
    most_processes,
    processes,
    seconds_with,
)
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.scheduling.thread_growth import Seen, ThreadGrowth
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.results.store.manifest import PartRecord

_WAITS = 0.2
"""Calls that compute less than this share of their time are said to wait."""
_CONFIRMED_SECONDS = 0.025
"""More workers begin once they have been wanted for so long: a machine that stops a process for 40 ms makes quick items
look dear, until the next chunk is done."""
_TURNS = 0.05
"""From this share of the time on calls wait for their turn."""
_WRONG = 4 / 3
"""An estimate that was wrong by more than this factor is said to be."""
_LEAST_SECONDS = 0.02
"""Calls have to have taken so long before processes begin: the first chunk is a single item where items are few, and
what it costs to begin, some milliseconds, would be taken for the cost of each."""
_LONG_SECONDS = 0.05
"""A chunk in progress says something once it has taken this long."""


class Chosen(NamedTuple):
    """A decision, and what it was made from."""

    outlook: Outlook
    workers: int
    seconds: float
    """How long what was left was to take with them."""
    at: float
    """When (time.perf_counter)."""


class Growth:
    """The number of workers of one run, which never falls."""

    def __init__(
        self,
        plan: SharedPlan,
        *,
        cores: int,
        asked: int | None,
        costs: Callable[[], Costs],
        threads: ThreadGrowth | None = None,
        begun: int = 0,
        items_are_units: bool = False,
        learn: Callable[[float], object] = lambda seconds: None,
    ):
        """`cores`: how many there are; `asked`: the most workers, where somebody has said that; `begun`: how many
        there are from the beginning; `threads`: of this process, where several may call; `learn`: is told how long
        each worker took to join.
        """
        self._plan = plan
        self._cores = cores
        self._asked = asked
        self._costs = costs
        self._threads = threads
        self.look: Callable[[], Look | None] = lambda: None
        """At the chunk that this process works on."""
        self.seen: Callable[[], Seen] | None = None
        """What its threads have done."""
        self.more_threads: Callable[[int], object] = lambda count: None
        """Has so many threads call."""
        self._begun = begun
        self._items_are_units = items_are_units
        self._learn = learn
        self.most = most_processes(asked, cores, 0.0)
        """The most that there will ever be."""
        self.count = begun
        """How many there are to be."""
        self.thread_count = 1
        """How many threads of this process call."""
        self.joined_count = 0
        self.joined_seconds = 0.0
        """How long the last took to join."""
        self.refused = ""
        """Why none can join; empty where they can."""
        self.chosen: Chosen | None = None
        """What was known when more were wanted last."""
        self._setup_seconds = 0.0
        """How long a worker takes to make what calls are given."""
        self.items = 0
        self.wall_seconds = self.cpu_seconds = 0.0
        """Of all calls so far."""
        self._recent_wall = self._recent_cpu = self._recent_turns = 0.0
        self._more_since: float | None = None
        """Since when more workers are wanted (time.perf_counter)."""

    def saw(self, part: PartRecord) -> None:
        """A chunk was done."""
        wall = busy_seconds(part)
        cpu = part.call_cpu_seconds + part.read_seconds + part.write_seconds
        self.items += part.items
        self.wall_seconds += wall
        self.cpu_seconds += cpu
        self._recent_wall = self._recent_wall / 2 + wall
        self._recent_turns = self._recent_turns / 2 + part.wait_seconds
        self._recent_cpu = self._recent_cpu / 2 + cpu

    def set_up(self, seconds: float) -> None:
        """What calls are given was made in so long: each worker that joins will take as long before its first call."""
        self._setup_seconds = max(self._setup_seconds, seconds)

    def wanted(self, look: Look | None = None) -> int:
        """How many workers there should be now; `look`: at a chunk that a worker has."""
        look = self.look() or look  # Slices of calls that take too long are cut by that.
        if self.refused:
            return 0
        outlook = self.outlook(look)
        if outlook is None or self._wait_for_turns or self._threads_suffice(outlook):
            return self.count
        if self.wall_seconds + (0.0 if look is None else look.seconds) < _LEAST_SECONDS:
            return self.count
        most = most_processes(self._asked, self._cores, outlook.computing)
        costs = self._costs()
        costs = costs._replace(start_seconds=costs.start_seconds + self._setup_seconds)
        wanted = processes(outlook, costs, self._cores, most)
        if wanted <= self.count:
            self._more_since = None
        elif self._is_confirmed():
            seconds = seconds_with(wanted, outlook, costs, self._cores)
            self.chosen = Chosen(outlook, wanted, seconds, time.perf_counter())
            self.count = wanted
            self._plan.shared_by(max(2, wanted))
        return self.count

    def _is_confirmed(self) -> bool:
        """Whether more workers have been wanted for a while, and not only after one moment that was out of the order."""
        now = time.perf_counter()
        if self._more_since is None:
            self._more_since = now
        return now - self._more_since >= _CONFIRMED_SECONDS

    @property
    def _wait_for_turns(self) -> bool:
        """Whether calls wait until the limits of the run allow them: more of them would wait longer."""
        return self._recent_turns > _TURNS * self._recent_wall

    def _threads_suffice(self, outlook: Outlook) -> bool:
        """Whether threads bring as much as processes could, or nobody knows yet."""
        threads = self._threads
        if threads is None or self.seen is None:
            return False
        wanted = threads.wanted(self.seen(), outlook.left_seconds)
        if wanted != self.thread_count and not self.count:
            self.thread_count = wanted
            self._plan.shared_by(max(2, wanted))
            self.more_threads(wanted)
        return not threads.leaves_cores_unused

    def joined(self, seconds: float, setup_seconds: float = 0.0) -> None:
        """One more calls from now on, so long after it was wanted, which includes setup."""
        self.joined_count += 1
        self.joined_seconds = seconds
        self._learn(seconds - setup_seconds)
        if self.joined_count >= self.count:
            self._plan.leave_to_workers()

    def refuse(self, why: str) -> None:
        """No worker, or none besides those that have joined, can join."""
        self.refused = why
        self.count = self._begun + self.joined_count

    def outlook(self, look: Look | None = None) -> Outlook | None:
        """What is known now; None where that is nothing. `look`: at a chunk in progress."""
        left = self._plan.left_seconds()
        wall, cpu = self._recent_wall, self._recent_cpu
        if self._plan.awaits:  # As much again as so far, for all that anybody knows.
            left = max(left, self.wall_seconds)
        if look is not None and look.seconds >= _LONG_SECONDS:
            wall, cpu = wall + look.seconds, cpu + look.cpu_seconds
            left = max(left, self._left_by(look))
        if not wall:
            return None
        return Outlook(left, min(1.0, cpu / wall))

    def why(self) -> str:
        """What was chosen and why, in a sentence, now that all is done."""
        if not self.items:
            return "there was nothing to do"
        item, computing = self.wall_seconds / self.items, self.cpu_seconds / self.wall_seconds
        each = f"{_time(item)} an item"
        each += ", nearly all of it waiting" if computing < _WAITS else ""
        if self.refused and not self._begun + self.joined_count:
            return f"{each}: all in this process, as no other can join: {self.refused}"
        if self.thread_count > 1 and self.chosen is None:
            return f"{each}: {self.thread_count} threads of this process"
        if self.chosen is None:
            where = _begun_by(self._begun)
            return f"{each}: {where}, as more would not have brought the end nearer"
        outlook, workers, expected, at = self.chosen
        took = time.perf_counter() - at
        joined = "none had joined by then"
        if self.joined_count:
            joined = f"the last joined after {_time(self.joined_seconds)}"
        text = (
            f"{each}, {_time(outlook.left_seconds)} of them left: {workers} processes were to take "
            f"{_time(expected)}; {joined}; took {_time(took)}"
        )
        if took > _WRONG * expected or expected > _WRONG * took:
            why = "calls did not go on as they had begun"
            if not self.joined_count and took > expected:
                why = "they took longer to begin"
            text += f", so the estimate was wrong, as {why}"
        return text

    def _left_by(self, look: Look) -> float:
        """How long what is left would take at the pace of the chunk in progress."""
        if not self._items_are_units:
            return look.seconds  # as long as so far
        unit = look.seconds / (look.items + 1)
        return unit * (self._plan.left_units() + max(0, look.size - look.items - 1))


def _begun_by(workers: int) -> str:
    """Who has called from the beginning."""
    if workers > 1:  # They are those of a run before.
        return f"{workers} worker processes"
    return "one worker process alone" if workers else "this process alone"


def _time(seconds: float) -> str:
    """A length of time, to two digits and more."""
    for unit, length in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= length:
            return f"{seconds / length:,.3g} {unit}" if seconds < 100 else f"{seconds:,.0f} s"
    return f"{seconds * 1e9:,.0f} ns"
