"""A run on workers that die as they are told, without processes: units of the source are its items."""

from __future__ import annotations

from dataclasses import dataclass, field

from fanout_pipeline.engine.scheduling.assignments import Assignment, Assignments
from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.engine.scheduling.suspects import Death, Split, Suspects
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.engine.scheduling.simulated_workers import cut

HOW = {"crash": "was killed by SIGSEGV", "kill": "was killed by SIGKILL", "late": "took longer"}


@dataclass
class Run:
    """What happens is decided from outside, one worker's event after the other."""

    items: int
    guilty: dict[int, str]
    """What the call of an item does, by the item: "crash", "kill" or "late"."""
    policy: object
    workers: int = 2
    chunks: int = 2
    fixed: bool = False
    dies_once: set[int] = field(default_factory=set)
    """Of the guilty, those that are innocent from the second call on."""

    def __post_init__(self):
        plan = ChunkPlan(cut(self.items, self.chunks), self.workers, self.fixed)
        self.assignments = Assignments(plan, Suspects(self.policy, self.workers))
        self.busy: dict[int, Assignment] = {}
        self.now = 0.0
        self.done: list[int] = []
        """Items with a result, as often as they have one."""
        self.failures = {}
        self.calls = dict.fromkeys(range(self.items), 0)
        self.give()

    def give(self):
        for worker in range(self.workers):
            if worker not in self.busy:
                given = self.assignments.take(self.now)
                if given is None:
                    return
                self.busy[worker] = given

    def over(self):
        if not self.busy and self.assignments.again:
            self.now = max(self.now, self.assignments.next_due())
            self.give()
        return not self.busy

    def works(self, worker, stop=None):
        """A worker goes on until it dies by itself, or is done, at `stop` perhaps."""
        given = self.busy[worker]
        chunk = given.chunk
        if given.suspect is not None and given.suspect.failure is not None:
            assert chunk.stop == chunk.start + 1
            assert chunk.start not in self.failures
            self.failures[chunk.start] = given.suspect.failure
            self.ends(worker, chunk.stop)
            return
        stop = chunk.stop if stop is None else min(max(stop, chunk.start + 1), chunk.stop)
        for item in range(chunk.start, stop):
            self.calls[item] += 1
            if item in self.guilty and not (item in self.dies_once and self.calls[item] > 1):
                kind = self.guilty[item]
                self.dies(worker, item, kind, announced=kind == "late" or given.suspect is not None)
                return
        self.done += range(chunk.start, stop)
        self.ends(worker, stop)

    def ends(self, worker, stop):
        given = self.busy.pop(worker)
        rest = Chunk(given.chunk.number, stop, given.chunk.stop)
        self.assignments.done(given, 0.1, rest if rest.start < rest.stop else None)
        self.give()

    def dies(self, worker, item, kind, announced=True, begun=True, after_calls=False):
        """A worker dies in the call of an item, or outside of any where that is None."""
        given = self.busy.pop(worker)
        chunk, split = given.chunk, None
        if item is not None and announced:
            split = Split(
                Chunk(chunk.number, chunk.start, item) if item > chunk.start else None,
                Chunk(chunk.number, item, item + 1),
                Chunk(chunk.number, item + 1, chunk.stop) if item + 1 < chunk.stop else None,
            )
        death = Death(HOW[kind], 0.2, begun, kind == "late", kind == "kill", after_calls)
        self.assignments.died(given, death, split, self.now)
        self.give()
