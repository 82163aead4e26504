"""How many workers a run has, decided again and again while it goes on.

chunks that were done, the one in progress --> Outlook --> choose.processes --> worker processes join
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.scheduling.calls_so_far import CallsSoFar
from fanout_pipeline.engine.scheduling.choose import (
    Costs,
    Outlook,
    most_processes,
    processes,
    seconds_with,
)
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.engine.scheduling.why import Chosen, cost, estimated
from fanout_pipeline.results.store.manifest import PartRecord

_CONFIRMED_SECONDS = 0.025
"""More workers begin once they have been wanted for so long: a machine that stops a process for 40 ms makes quick items
look dear, until the next chunk is done."""
_SETUP_SECONDS = 0.1
"""Once what calls are given has taken so long to make, others begin with theirs."""
_COMPUTES = 0.5
"""A setup that computes for this share of its time, or more, would take two threads twice as long."""
_HAMPERED = 0.15
"""Workers that wait for their next chunk for this share of the time that they call, and more, are hampered by a thread
of this process that calls, and perhaps keeps the GIL."""
_FIRST_SECONDS = 0.2
_LOOK_SECONDS = 0.01, 0.03
"""How often it is asked whether there should be more workers: at first, and later."""
_LEAST_SECONDS = 0.02
"""Calls have to have taken so long before processes begin: the first chunk is a single item where items are few, and
what it costs to begin, some milliseconds, would be taken for the cost of each."""


class Growth:
    """The number of workers of one run, which never falls.

    The thread of this process that has begun is one of them, where there is one. It goes on calling beside worker
    processes, unless it hampers them: then one more of these takes its place.
    """

    def __init__(
        self,
        plan: SharedPlan,
        *,
        cores: int,
        asked: int | None,
        costs: Callable[[], Costs],
        begun: int = 0,
        items_are_units: bool = False,
        learn: Callable[[float], object] = lambda seconds: None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        """`cores`: how many there are; `asked`: the most workers, where somebody has said that; `begun`: how many
        worker processes there are from the beginning, none where this process calls; `learn`: is told how long each
        worker took to join.
        """
        self._plan = plan
        self._cores = cores
        self._asked = asked
        self._costs = costs
        self._learn = learn
        self._clock = clock
        self.look: Callable[[], Look | None] = lambda: None
        """At the chunk that this process works on."""
        self.threads_suffice: Callable[[float], bool] | None = None
        """Has as many threads of this process call as bring more, for what is left in seconds. Whether processes would
        bring no more, or nobody knows yet. None where only one may call."""
        self.second_thread: Callable[[], object] | None = None
        """Has a second thread of this process begin; None where only one may call."""
        self.most = most_processes(asked, cores, 0.0)
        """The most workers that there will ever be."""
        self._begun = begun
        self._began = clock()
        self.count = begun or 1
        """How many there are to be."""
        self._stays = not begun
        """Whether this process goes on calling beside others."""
        self.joined_count = 0
        self.joined_seconds = 0.0
        """How long the last took to join."""
        self.refused = ""
        """Why none can join; empty where they can."""
        self.chosen: Chosen | None = None
        """What was known when more were wanted last."""
        self._more_since: float | None = None
        """Since when more are wanted."""
        self._setup_seconds = 0.0
        """How long a worker takes to make what calls are given."""
        self._late_seconds = self._busy_seconds = 0.0
        """How long workers have waited for their next chunk, and called."""
        self.calls = CallsSoFar(plan, items_are_units)

    @property
    def look_seconds(self) -> float:
        """How soon it is to be asked again whether there should be more workers."""
        first, later = _LOOK_SECONDS
        return first if self._clock() - self._began < _FIRST_SECONDS else later

    @property
    def start_seconds(self) -> float:
        """How long a worker takes to start on this machine."""
        return self._costs().start_seconds

    @property
    def callers(self) -> int:
        """How many call in the end: threads of this process, and other processes."""
        return self.joined_count + self._plan.callers

    def saw(self, part: PartRecord) -> None:
        """A chunk was done."""
        self.calls.saw(part)

    def set_up(self, seconds: float) -> None:
        """What calls are given was made in so long: each worker that joins will take as long before its first call."""
        self._setup_seconds = max(self._setup_seconds, seconds)

    def wanted(self, look: Look | None = None) -> int:
        """How many worker processes there should be now; `look`: at a chunk that one of them has."""
        look = self.look() or look  # Slices of calls that take too long are cut by that.
        if self.refused:
            return 0
        if look is None or not look.is_setup:
            self._decide(look)
        elif not self.calls.items and look.seconds >= _SETUP_SECONDS:
            self._prepare(look)
        return self.count - self._stays

    def _prepare(self, setup: Look) -> None:
        """What calls are given takes long to make, and each worker needs its own: have others make theirs meanwhile.

        No more than there are cores: nothing is known of the calls.
        """
        if self._plan.size < 2:
            return
        wanted = min(self._cores, self.most)
        if self.second_thread is not None:
            if setup.cpu_seconds < _COMPUTES * setup.seconds:  # Others would not slow it down.
                self.second_thread()
        elif wanted > self.count:
            self.count = wanted
            self._plan.shared_by(wanted)

    def _decide(self, look: Look | None) -> None:
        outlook = self.calls.outlook(look)
        if outlook is None or self.calls.wait_for_turns:
            return
        if self.threads_suffice is not None and self.threads_suffice(outlook.left_seconds):
            return
        if self.calls.wall_seconds + (0.0 if look is None else look.seconds) < _LEAST_SECONDS:
            return
        most = most_processes(self._asked, self._cores, outlook.computing)
        costs = self._costs()
        costs = costs._replace(start_seconds=costs.start_seconds + self._setup_seconds)
        wanted = processes(outlook, costs, self._cores, most)
        if wanted <= self.count:
            self._more_since = None
            if self._is_hampering and outlook.left_seconds > 2 * costs.start_seconds:
                self._stays = False
        elif self._is_confirmed():
            self._choose(wanted, outlook, seconds_with(wanted, outlook, costs, self._cores))

    def _choose(self, wanted: int, outlook: Outlook, seconds: float) -> None:
        self.chosen = Chosen(outlook, wanted, seconds, self._clock())
        self.count = wanted
        # Several threads of this process have shown that they keep the GIL from each other.
        self._stays = self._stays and self._plan.callers == 1
        self._plan.shared_by(wanted)

    def _is_confirmed(self) -> bool:
        """Whether more workers have been wanted for a while, and not only after one moment that was out of the order."""
        now = self._clock()
        if self._more_since is None:
            self._more_since = now
        return now - self._more_since >= _CONFIRMED_SECONDS

    @property
    def _is_hampering(self) -> bool:
        return self._late_seconds > max(_LEAST_SECONDS, _HAMPERED * self._busy_seconds)

    def joined(self, seconds: float, setup_seconds: float = 0.0) -> None:
        """One more calls from now on, so long after it was wanted, which includes setup."""
        self.joined_count += 1
        self.joined_seconds = seconds
        self._learn(seconds - setup_seconds)
        if self.joined_count >= self.count:
            self._plan.leave_to_workers()

    def answered(self, late_seconds: float, busy_seconds: float) -> None:
        """A worker was given its next chunk so long after it had called for so long."""
        self._late_seconds += late_seconds
        self._busy_seconds += busy_seconds

    def refuse(self, why: str) -> None:
        """No worker, or none besides those that have joined, can join."""
        self.refused = why
        self.count = self._begun + self.joined_count + self._stays

    def why(self) -> str:
        """What was chosen and why, in a sentence, now that all is done."""
        if not self.calls.items:
            return "there was nothing to do"
        each = cost(self.calls)
        if self.refused and not self._begun + self.joined_count:
            return f"{each}: all in this process, as no other can join: {self.refused}"
        if self.chosen is not None:
            took = self._clock() - self.chosen.at
            what = estimated(self.chosen, took, self.joined_count, self.joined_seconds)
            return f"{each}, {what}"
        if self._stays and self.joined_count:
            return f"{each}: {self.callers} processes, others of which began while setup was called"
        if self._stays and self._plan.callers > 1:
            return f"{each}: {self._plan.callers} threads of this process"
        where = _begun_by(self._begun)
        return f"{each}: {where}, as more would not have brought the end nearer"


def _begun_by(workers: int) -> str:
    """Who has called from the beginning."""
    if workers > 1:  # They are those of a run before.
        return f"{workers} worker processes"
    return "one worker process alone" if workers else "this process alone"
