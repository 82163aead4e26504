"""The crew of a run on a cluster: a worker in each place that the engine has, as far as these are wanted."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from fanout_pipeline.engine.clusters.aside import AsideGeneration, accept
from fanout_pipeline.engine.clusters.engine import Engine
from fanout_pipeline.engine.clusters.probe import Probe, probing
from fanout_pipeline.engine.clusters.versions import lacked, require_same_versions
from fanout_pipeline.engine.clusters.worker import ClusterWorker
from fanout_pipeline.engine.functions.importable import sent_with_code
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.cluster import Cluster
from fanout_pipeline.engine.model.errors import ClusterFailed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.engine.workers.handing_back import SENT_BYTES
from fanout_pipeline.engine.workers.introduction import introduction
from fanout_pipeline.engine.workers.protocol import CALL
from fanout_pipeline.engine.workers.run import SupervisedRun
from fanout_pipeline.engine.workers.worker import Workers
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk

_LOOK_SECONDS = 0.5
"""How often is looked which workers the cluster has."""


class ClusterWorkers(Workers[ClusterWorker]):
    """The workers of one run, and where there is room for them."""

    watched = False
    shortest_seconds = 0.15

    def __init__(self, engine: Engine, most: int | None, memory_mb: int | None, wait: float):
        """`most`: how many there are to be at most; `wait`: for how long the cluster may be without any room."""
        super().__init__(self._begun)
        self._engine = engine
        self._most = most
        self._memory_mb = memory_mb
        self._wait_seconds = wait
        self._places = dict(engine.places())
        self._looked = self._had_room = time.monotonic()
        self.item_timeout_seconds: float | None = None
        """That of the run in progress."""

    def fill(self, add: Callable[[], object] | None = None) -> None:
        """Have a worker wherever there is room, unless one of those that were closed will be there."""
        closed = sum(worker.closed for worker in self)
        while self._room() > closed and (self._most is None or len(self) < self._most):
            (add or self.add)()

    def _room(self) -> int:
        return max(0, sum(self._places.values()) - sum(not worker.closed for worker in self))

    def _begun(self) -> ClusterWorker:
        used = Counter(worker.place for worker in self if not worker.closed)
        left = {place: count - used[place] for place, count in self._places.items()}
        place = max(left, key=lambda one: left[one])
        worker = ClusterWorker(self._engine, place, self._places[place], self._memory_mb)
        worker.item_timeout_seconds = self.item_timeout_seconds
        return worker

    def look_after(self, add: Callable[[], object]) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        self._engine.require_alive()
        self._places = dict(self._engine.places())
        for worker in self:
            if not worker.closed and worker.place not in self._places:
                worker.lose()
        self.fill(add)
        if self._places:
            self._had_room = now
        elif now - self._had_room > self._wait_seconds:
            raise ClusterFailed(
                f"The cluster at {self._engine.address} has had no worker for {self._wait_seconds:g} s. What was done is "
                "kept where runs are resumed: start workers, and run again."
            )

    def can_work(self, slot: int) -> bool:
        return not self[slot].closed or self._room() > 0

    def are_apart(self, slot: int, other: int) -> bool:
        return self[slot].place != self[other].place

    def accept(self, generation: Generation, part: PartRecord) -> None:
        accept(generation, part)

    def begin_run(self, item_timeout_seconds: float | None) -> None:
        """Close workers that have ended since; others take their places when they are needed."""
        self.item_timeout_seconds = item_timeout_seconds
        for worker in self:
            worker.item_timeout_seconds = item_timeout_seconds
            if not worker.closed and (worker.readable() or worker.place not in self._places):
                worker.close()

    def close(self) -> None:
        with interrupts_held():
            for worker in self.ever:
                worker.close()


class ClusterCrew(Crew):
    """See `Crew`."""

    def __init__(self, engine: Engine, workers: ClusterWorkers):
        self._engine = engine
        self._workers = workers
        self._are_compared = False

    def usage(self) -> list[ProcessUsage]:
        return [worker.used for worker in self._workers.ever if worker.used is not None]

    def run(self, work: Work, progress: Progress) -> Ran:
        if not self._are_compared:
            require_same_versions(self._engine, progress.log)
            self._are_compared = True
        self._workers.begin_run(work.failures.item_timeout_seconds)
        with probing(work) as probe:
            introduce = partial(self._introduced, work, probe, progress)
            ran = SupervisedRun(self._workers, work, progress, None, introduce=introduce).ran()
        called = sum(worker.used is not None for worker in self._workers)
        return replace(ran, workers=max(1, called))

    def _introduced(self, work: Work, probe: Probe, progress: Progress) -> bytes:
        """What each process is sent first: a pair, pickled. Raises TypeError where something cannot be sent."""
        if isinstance(work.generation, LocalGeneration):
            work = replace(work, generation=AsideGeneration(work.generation.path))
        travels = work.source.sent(Chunk(0, 0, 0)) is not None
        source = None if travels else work.source
        how = work, source, SENT_BYTES // max(1, len(self._workers)), progress.log_once
        message = introduction(*how)
        asked = partial(pickle_with_function, (CALL, probe), None, probe.source)
        if lacking := lacked(self._engine, message):
            progress.log(
                f"{', '.join(sorted(lacking))}: workers of the cluster cannot import that, so its code is sent"
            )
            with sent_with_code(lacking):
                return pickle.dumps((asked(), introduction(*how)))
        return pickle.dumps((asked(), message))


@contextmanager
def crew_on(engine: Engine, cluster: Cluster, options: Options) -> Iterator[ClusterCrew]:
    """For the block, a crew on the workers that the engine has. Raises ClusterFailed where there are too few."""
    _await_room(engine, cluster)
    workers = ClusterWorkers(
        engine, options.workers, options.worker_memory_mb, cluster.wait_seconds
    )
    try:
        workers.fill()
        yield ClusterCrew(engine, workers)
    finally:
        workers.close()


def _await_room(engine: Engine, cluster: Cluster) -> None:
    until = time.monotonic() + cluster.wait_seconds
    while (room := sum(engine.places().values())) < cluster.workers_at_least:
        engine.require_alive()
        if time.monotonic() >= until:
            offered = f" that offer {dict(cluster.resources)}" if cluster.resources else ""
            raise ClusterFailed(
                f"The cluster at {engine.address} has room for {room} processes on workers{offered}, after "
                f"{cluster.wait_seconds:g} s, and workers_at_least={cluster.workers_at_least}. Start workers"
                f"{' with these resources' if offered else ''}, ask for less, or wait longer (wait_seconds)."
            )
        time.sleep(min(WAIT_SECONDS, 0.1))
