"""The timed runs of a sweep: files of n items, the function with a burden, results that are checked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fanout_pipeline.fanout.calling import is_async
from fanout_pipeline.fanout.contract import FanoutSpec, Options
from fanout_pipeline.fanout.registry import REFERENCE, STRATEGIES
from fanout_pipeline.fanout.run import run_strategy
from fanout_pipeline.fanout.run_record import RunRecord
from fanout_pipeline.measuring.burden import AsyncBurdened, Burdened, Calibration
from fanout_pipeline.measuring.sweep_grid import Cell
from fanout_pipeline.measuring.verification import verify
from fanout_pipeline.sources.source import Source

_PREFIX = ".break_even-"


class WrongResults(Exception):
    """A strategy gave other results than the reference: its time means nothing."""


class SweepRuns:
    """Runs strategies in `folder`, on files that are cut from the spec's own source."""

    def __init__(
        self, spec: FanoutSpec, options: Options, calibration: Calibration, folder: Path
    ) -> None:
        self._spec = spec
        self._options = options
        self._calibration = calibration
        self._folder = folder
        self._sources: dict[int, Source] = {}
        self._digests: dict[Cell, str] = {}
        """Of the reference's results."""
        self._unchecked: dict[Cell, dict[str, RunRecord]] = {}
        """What waits for these, by the strategy."""

    def spec(self, cell: Cell) -> FanoutSpec:
        """The fan-out of one cell."""
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
        """Seconds of one run. Raises WrongResults, or what the run raises."""
        spec = self.spec(cell)
        folder = self._folder / f"{cell.cost.name} {cell.items}" / strategy
        options = replace(self._options, workers=workers or self._options.workers)
        run = run_strategy(STRATEGIES[strategy], spec, folder, options)
        if strategy == REFERENCE:
            self._digests[cell] = run.digest
            for other, earlier in self._unchecked.pop(cell, {}).items():
                self._check(cell, other, earlier)
        elif STRATEGIES[strategy].keeps_order and cell not in self._digests:
            # In a block's random order the reference may come last.
            self._unchecked.setdefault(cell, {})[strategy] = run
        else:
            self._check(cell, strategy, run)
        return run.wall_seconds

    def _check(self, cell: Cell, strategy: str, run: RunRecord) -> None:
        """Against the reference, whose results are made where they are not there."""
        folder = self._folder / f"{cell.cost.name} {cell.items}" / strategy
        ordered = STRATEGIES[strategy].keeps_order
        if not ordered or run.digest != self._digests[cell]:
            check = verify(self.spec(cell), folder, run, self._options.failures, share=1.0).check
            if not check.complete or check.wrong or (ordered and check.out_of_place):
                raise self._wrong(strategy, cell, REFERENCE)
        folder.unlink()
        shutil.rmtree(folder.with_name(f".{strategy}"))

    def _wrong(self, strategy: str, cell: Cell, other: str) -> WrongResults:
        return WrongResults(
            f"{strategy} and {other} gave different results of the same {cell.items:,} items "
            f"({cell.cost.name}). Materialize {self._spec.name}/{strategy}: its checks say where. "
            "A function whose results differ from call to call cannot be swept."
        )


@contextmanager
def sweep_runs(
    spec: FanoutSpec, options: Options, calibration: Calibration, parent: Path
) -> Iterator[SweepRuns]:
    """Runs in a temporary folder under `parent`, removed at the end.

    So are those of sweeps that were killed: the caller holds the lock that makes them nobody's.
    """
    for abandoned in parent.glob(f"{_PREFIX}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent) as folder:
        yield SweepRuns(spec, options, calibration, Path(folder))
