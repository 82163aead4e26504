"""The timed runs of a sweep: files of n items, the function with a burden, results that are checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec, is_async
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.measuring.burden import AsyncBurdened, Burdened, Calibration
from fanout_pipeline.measuring.determinism import Judge
from fanout_pipeline.measuring.limits import limit_seconds
from fanout_pipeline.measuring.order_check import Contradiction
from fanout_pipeline.measuring.sweep_grid import Cell
from fanout_pipeline.measuring.trial_process import Runs, run_here, trial_process
from fanout_pipeline.measuring.verification import verify
from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import scratch_folder
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import Source

_PREFIX = ".break_even-"


class WrongResults(Exception):
    """A strategy gave other results than the reference: its time means nothing."""


class SweepRuns:
    """Runs strategies in `folder`, on files that are cut from the spec's own source."""

    def __init__(
        self,
        spec: FanoutSpec,
        options: Options,
        calibration: Calibration,
        folder: Path,
        runs: Runs = run_here,
    ) -> None:
        self._spec = spec
        self._options = options
        self._calibration = calibration
        self._folder = folder
        self._runs = runs
        self._specs: dict[Cell, FanoutSpec] = {}
        self._reference_seconds: dict[Cell, float] = {}
        self._sources: dict[int, Source] = {}
        self._digests: dict[Cell, str] = {}
        """Of the reference's results."""
        self._unchecked: dict[Cell, dict[str, RunRecord]] = {}
        """What waits for these, by the strategy."""
        self._contradiction: Contradiction | None = None
        """Of the function with itself: found once, it is not looked for again."""

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
        burdened = AsyncBurdened if is_async(self._spec.function) else Burdened
        function = burdened(self._spec.function, cell.cost, loops)
        return replace(self._spec, source=source, function=function, batch_function=None)

    def measure(self, strategy: str, cell: Cell, workers: int | None = None) -> float:
        """Seconds of one run. Raises WrongResults, TookTooLong, or what the run raises."""
        spec = self.spec(cell)
        folder = self._folder / f"{cell.cost.name} {cell.items}" / strategy
        options = replace(self._options, workers=workers or self._options.workers)
        expected = self._reference_seconds.get(cell)
        limit = None if expected is None else limit_seconds(expected, known=False)
        run = self._runs(STRATEGIES[strategy], spec, folder, options, limit_seconds=limit)
        if strategy == REFERENCE:
            self._reference_seconds[cell] = run.wall_seconds
            self._digests[cell] = run.digest
            for other, earlier in self._unchecked.pop(cell, {}).items():
                self._check(cell, other, earlier)
        elif cell not in self._digests:
            # Of a cell that an earlier process has begun, or in the scaling.
            self._unchecked.setdefault(cell, {})[strategy] = run
        else:
            self._check(cell, strategy, run)
        return run.wall_seconds

    def _check(self, cell: Cell, strategy: str, run: RunRecord) -> None:
        """Against the reference, whose results are made where they are not there."""
        folder = self._folder / f"{cell.cost.name} {cell.items}" / strategy
        ordered = STRATEGIES[strategy].keeps_order
        if not ordered or run.digest != self._digests[cell]:
            spec = self.spec(cell)
            judge = Judge(spec)
            judge.contradiction = self._contradiction
            failures = self._options.failures
            check = verify(spec, folder, run, failures, share=1.0, judge=judge).check
            self._contradiction = judge.contradiction
            if not check.complete or check.wrong or (ordered and check.out_of_place):
                raise self._wrong(strategy, cell, REFERENCE)
        ResultFolder(folder).remove()  # not the reference's: `verify` compares with them

    def _wrong(self, strategy: str, cell: Cell, other: str) -> WrongResults:
        return WrongResults(
            f"{strategy} and {other} gave different results of the same {cell.items:,} items "
            f"({cell.cost.name}). Materialize {self._spec.name}/{strategy}: its checks say where."
        )


@contextmanager
def sweep_runs(
    spec: FanoutSpec, options: Options, calibration: Calibration, parent: Path
) -> Iterator[SweepRuns]:
    """Runs in a temporary folder under `parent`, removed at the end.

    So are those of sweeps that were killed: the caller holds the lock that makes them nobody's.
    """
    for abandoned in parent.glob(f"{_PREFIX}*"):
        no_links.remove(abandoned)
    with scratch_folder(parent, _PREFIX) as folder, trial_process() as process:
        yield SweepRuns(spec, options, calibration, folder, process.run)
