"""How many workers a run has, decided again and again while it goes on; and the sentence that says why.

chunks that were done, the one in progress --> Outlook --> choose.processes --> worker processes join
"""

from __future__ import annotations

from collections.abc import Callable

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.scheduling.choose import (
    Costs,
    Outlook,
    most_processes,
    processes,
    seconds_with,
)
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.results.store.manifest import PartRecord

_LONG_SECONDS = 0.05
"""A chunk in progress says something once it has taken this long."""


class Growth:
    """The number of workers of one run, which never falls."""

    def __init__(
        self,
        plan: SharedPlan,
        *,
        cores: int,
        asked: int | None,
        costs: Callable[[], Costs],
        look: Callable[[], Look | None] = lambda: None,
        begun: int = 0,
        items_are_units: bool = False,
        learn: Callable[[float], object] = lambda seconds: None,
    ):
        """`cores`: how many there are; `asked`: the most workers, where somebody has said that; `begun`: how many
        there are from the beginning; `look`: at the chunk that this process works on; `learn`: is told how long each
        worker took to join.
        """
        self._plan = plan
        self._cores = cores
        self._asked = asked
        self._costs = costs
        self._look = look
        self._begun = begun
        self._items_are_units = items_are_units
        self._learn = learn
        self.most = most_processes(asked, cores, 0.0)
        """The most that there will ever be."""
        self.count = begun
        """How many there are to be."""
        self.joined_count = 0
        self.joined_seconds = 0.0
        """How long the last took to join."""
        self.refused = ""
        """Why none can join; empty where they can."""
        self.chosen: tuple[Outlook, float] | None = None
        """What was known when more were wanted first, and how long it was to take with them."""
        self.items = 0
        self.wall_seconds = self.cpu_seconds = 0.0
        """Of all calls so far."""
        self._recent_wall = self._recent_cpu = 0.0

    def saw(self, part: PartRecord) -> None:
        """A chunk was done."""
        wall = busy_seconds(part)
        cpu = part.call_cpu_seconds + part.read_seconds + part.write_seconds
        self.items += part.items
        self.wall_seconds += wall
        self.cpu_seconds += cpu
        self._recent_wall = self._recent_wall / 2 + wall
        self._recent_cpu = self._recent_cpu / 2 + cpu

    def wanted(self, look: Look | None = None) -> int:
        """How many workers there should be now; `look`: at a chunk that a worker has."""
        if self.refused:
            return 0
        outlook = self.outlook(self._look() or look)
        if outlook is None:
            return self.count
        most = most_processes(self._asked, self._cores, outlook.computing)
        costs = self._costs()
        wanted = processes(outlook, costs, self._cores, most)
        if wanted > self.count:
            if self.chosen is None:
                seconds = seconds_with(wanted, outlook, costs, self._cores)
                self.chosen = outlook, seconds
            self.count = wanted
        return self.count

    def joined(self, seconds: float) -> None:
        """One more calls from now on, so long after it was wanted."""
        self.joined_count += 1
        self.joined_seconds = seconds
        self._learn(seconds)
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

    def _left_by(self, look: Look) -> float:
        """How long what is left would take at the pace of the chunk in progress."""
        if not self._items_are_units:
            return look.seconds  # as long as so far
        unit = look.seconds / (look.items + 1)
        return unit * (self._plan.left_units() + max(0, look.size - look.items - 1))
