"""One crew for several runs: its workers are started by the first run and serve those that follow.

    with open_crew(strategy, options) as crew:
        for partition in partitions:
            run_strategy(strategy, spec, folder, options, crew=crew)

A run that fails ends the workers before its files are given up, as nobody may write to them then; the next run
starts others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.strategy import Crew, Ran, Strategy
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.engine.system.usage import ProcessUsage

_OF_CREWS = ("workers", "start_method", "concurrency", "worker_memory_mb", "cluster")
"""The options that a crew has for life."""


class OpenCrew:
    """The workers of one strategy, as far as any are running. See `open_crew`."""

    def __init__(self, strategy: Strategy, options: Options):
        self._strategy = strategy
        self._options = options
        self._running = ExitStack()
        self._crew: Crew | None = None
        self._used: dict[int, ProcessUsage] = {}
        """What its processes had used at the end of the run before."""

    def require(self, strategy: Strategy, options: Options) -> None:
        """Raise ValueError where a run wants other workers than these."""
        differ = [
            name for name in _OF_CREWS if getattr(options, name) != getattr(self._options, name)
        ]
        if strategy.name != self._strategy.name:
            differ.insert(0, "strategy")
        if differ:
            raise ValueError(
                f"The crew was opened for another {' and '.join(differ)}: open one for these runs."
            )

    @contextmanager
    def lent(self, options: Options) -> Iterator[Crew]:
        """The crew for one run; it is started unless it is running. What the block raises ends it."""
        try:
            if self._crew is None:
                self._crew = self._running.enter_context(self._strategy.start(options))
            yield self._crew
        except BaseException as error:
            self.close(error)
            raise

    def used(self, ran: Ran) -> list[ProcessUsage]:
        """What the processes that have taken part in the last run have used for it; peaks are of their lives."""
        assert self._crew is not None
        before, now = self._used, {one.pid: one for one in self._crew.usage()}
        self._used, called = now, {part.pid for part in ran.parts}
        found = []
        for pid, one in now.items():
            had = before[pid].cpu_seconds if pid in before else 0.0
            if pid not in before or pid in called or one.cpu_seconds > had:
                found.append(ProcessUsage(pid, one.cpu_seconds - had, one.peak_rss_bytes))
        return found

    def close(self, error: BaseException | None = None) -> None:
        """End the workers; in order, unless by an error."""
        running, self._running = self._running, ExitStack()
        self._crew, self._used = None, {}
        running.__exit__(type(error) if error else None, error, None)


@contextmanager
def open_crew(strategy: Strategy, options: Options) -> Iterator[OpenCrew]:
    """For the block, a crew that `run_strategy` takes, for any number of runs, one after the other.

    Their options may differ, except for `workers`, `start_method`, `concurrency` and `worker_memory_mb`. What `setup`
    makes is closed at the end of each run. Enter, use and leave the block in one thread. Raises Unsupported for a
    baseline, whose workers serve one run.
    """
    if strategy.baseline:
        raise Unsupported(
            f"{strategy.name} is kept for comparison only, and its workers serve one run. Use multiprocess instead."
        )
    crew = OpenCrew(strategy, options)
    try:
        yield crew
    except BaseException as error:
        crew.close(error)
        raise
    crew.close()
