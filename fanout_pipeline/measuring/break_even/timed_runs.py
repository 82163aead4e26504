"""The timed runs of a sweep: files of n items, the function with an added cost, results that are checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.measuring.break_even.added_cost import (
    Calibration,
    CostlierAsyncFunction,
    CostlierFunction,
)
from fanout_pipeline.measuring.break_even.grid import Cell
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
from fanout_pipeline.measuring.correctness.order_check import Contradiction
from fanout_pipeline.measuring.trials.contenders import StrategyContender
from fanout_pipeline.measuring.trials.process import Runner, trial_process
from fanout_pipeline.measuring.trials.time_limit import limit_seconds
from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import scratch_folder
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import Source

_PREFIX = "_break_even-"
_OLD_PREFIX = ".break_even-"
"""The prefix in earlier versions, whose folders are removed as well."""


class WrongResults(Exception):
    """A strategy gave other results than the reference: its time means nothing."""


class TimedRuns:
    """Runs strategies in `folder`, on files that are cut from the spec's own source."""

    def __init__(
        self,
        spec: FanoutSpec,
        options: Options,
        calibration: Calibration,
        folder: Path,
        runner: Runner,
    ) -> None:
        self._spec = spec
        self._options = options
        self._calibration = calibration
        self._folder = folder
        self._runner = runner
        self._sources: dict[int, Source] = {}
        """By the number of items."""
        self._specs: dict[Cell, FanoutSpec] = {}
        self._reference_runs: dict[Cell, RunRecord] = {}
        self._unchecked: dict[Cell, dict[str, tuple[StrategyContender, RunRecord]]] = {}
        """Runs that wait for the reference's results to be checked against, by cell and strategy."""
        self._contradiction: Contradiction | None = None
        """How the function contradicts itself: once that is found, it is not looked for again."""

    def spec(self, cell: Cell) -> FanoutSpec:
        """The fan-out of one cell."""
        if cell not in self._specs:
            self._specs[cell] = self._spec_of(cell)
        return self._specs[cell]

    def _spec_of(self, cell: Cell) -> FanoutSpec:
        if cell.items not in self._sources:
            path = self._folder / f"{cell.items}.items"
            self._sources[cell.items] = self._spec.source.head(cell.items, path)
        source = self._sources[cell.items]
        if not cell.cost.seconds:
            return replace(self._spec, source=source)
        loops = 0 if cell.cost.waits else self._calibration.loops(cell.cost)
        costlier = CostlierAsyncFunction if is_async(self._spec.function) else CostlierFunction
        function = costlier(self._spec.function, cell.cost, loops)
        return replace(self._spec, source=source, function=function, batch_function=None)

    def measure(self, strategy: str, cell: Cell, workers: int | None = None) -> float:
        """Seconds of one run. Raises WrongResults, TookTooLong, or what the run raises."""
        contender = self._contender(strategy, cell, workers or self._options.worker_count)
        reference = self._reference_runs.get(cell)
        limit = None if reference is None else limit_seconds(reference.wall_seconds, known=False)
        run = contender.run(False, limit)
        if strategy == REFERENCE:
            self._reference_runs[cell] = run
            for other, earlier in self._unchecked.pop(cell, {}).values():
                self._check(cell, other, earlier)
        elif reference is None:
            # A cell that an earlier process has begun, or one run for the scalability law.
            self._unchecked.setdefault(cell, {})[strategy] = contender, run
        else:
            self._check(cell, contender, run)
        return run.wall_seconds

    def _contender(self, strategy: str, cell: Cell, workers: int) -> StrategyContender:
        return StrategyContender(
            STRATEGIES[strategy],
            self.spec(cell),
            self._folder / f"{cell.cost.name} {cell.items}",
            replace(self._options, workers=workers),
            runner=self._runner,
        )

    def _check(self, cell: Cell, contender: StrategyContender, run: RunRecord) -> None:
        """Against the reference's results, unless both have the same digest."""
        ordered = contender.strategy.keeps_order
        if not ordered or run.digest != self._reference_runs[cell].digest:
            determinism = DeterminismTest(contender.spec)
            determinism.contradiction = self._contradiction
            check = replace(contender, determinism=determinism).check(run)
            self._contradiction = determinism.contradiction
            if not check.complete or check.wrong or (ordered and check.out_of_place):
                raise WrongResults(
                    f"{contender.name} and {REFERENCE} gave different results for the same "
                    f"{cell.items:,} items ({cell.cost.name}). Materialize "
                    f"{self._spec.name}/{contender.name}: its checks say where."
                )
        # Not the reference's, which others are compared with.
        ResultFolder(contender.folder / contender.name).remove()


@contextmanager
def timed_runs(
    spec: FanoutSpec, options: Options, calibration: Calibration, parent: Path
) -> Iterator[TimedRuns]:
    """Runs in a temporary folder under `parent`, removed at the end.

    Folders of sweeps that were killed are removed, too: the caller holds the lock, so nobody uses them.
    """
    for prefix in (_PREFIX, _OLD_PREFIX):
        for abandoned in parent.glob(f"{prefix}*"):
            no_links.remove(abandoned)
    with scratch_folder(parent, _PREFIX) as folder, trial_process() as process:
        yield TimedRuns(spec, options, calibration, folder, process)
