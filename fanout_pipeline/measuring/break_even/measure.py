"""A whole break-even measurement: samples of an earlier run, sweep, scaling, answers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.functions.identity import work_fingerprint
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.suitability import unsuited
from fanout_pipeline.engine.system.blas_threads import as_in_workers
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.measuring.break_even.answers import BreakEven, break_even
from fanout_pipeline.measuring.break_even.cost_model import CostModel
from fanout_pipeline.measuring.break_even.grid import Cell, Grid, Sample, Skip
from fanout_pipeline.measuring.break_even.sample_file import open_samples
from fanout_pipeline.measuring.break_even.sweep import Block, Sweep
from fanout_pipeline.measuring.break_even.timed_runs import TimedRuns, timed_runs
from fanout_pipeline.measuring.statistics.scaling import (
    MIN_COUNTS,
    Scaling,
    fit_scaling,
    worker_counts,
)
from fanout_pipeline.measuring.trials.machine import machine_record
from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.files.lock import locked

SCALED = "multiprocess"
"""The strategy that is run with different numbers of workers."""
SAMPLES = "samples.parquet"
_SCALING_SHARE = 0.25
"""The share of the budget for these runs."""
_LOG_EVERY_SECONDS = 10.0
_COUNTING_CHUNKS = 64


class AlreadyRunning(Exception):
    """Another process measures the same: two at once would disturb each other."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a break-even measurement found."""

    name: str
    grid: Grid
    model: CostModel
    skips: tuple[Skip, ...]
    answers: BreakEven
    scaling: Scaling
    workers: int
    reused: int
    """How many samples are of an earlier run."""
    taken: int
    """How many samples are of this run."""
    seconds: float
    """How long measuring took."""
    machine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure."""

    budget_seconds: float
    """Wall time for all timed runs and what goes with them."""
    seed: int = 0
    """Decides the order of runs, and the bootstrap."""
    fresh: bool = False
    """True: do not use the samples of an earlier run."""


@with_its_imports
def measure_break_even(
    spec: FanoutSpec,
    folder: Path,
    options: Options,
    grid: Grid,
    settings: Settings,
    log: Callable[[str], object] = lambda line: None,
) -> Findings:
    """Measure for as long as the budget allows, adding to what an earlier run left in `folder`.

    Raises AlreadyRunning, WrongResults, and whatever a strategy's run raises.
    """
    make_folder(folder)
    with ExitStack() as alone:
        try:
            alone.enter_context(locked(folder / "_lock"))
        except TimeoutError:
            raise AlreadyRunning(
                f"Another run is measuring into {folder}: wait for its end, then run again."
            ) from None
        no_links.unlink(folder / ".lock")  # the name in earlier versions
        return _Measurement(spec, folder, options, grid, settings, log).findings()


class _Measurement:
    """One run of a break-even measurement."""

    def __init__(
        self,
        spec: FanoutSpec,
        folder: Path,
        options: Options,
        grid: Grid,
        settings: Settings,
        log: Callable[[str], object],
    ):
        self._began = self._last_line = time.perf_counter()
        self._spec, self._options, self._grid, self._log = spec, options, grid, log
        self._budget = settings.budget_seconds
        self._parent = folder.parent
        self._rng = Random(settings.seed)  # noqa: S311 (no secret)
        self._machine = machine_record()
        basis = sample_basis(spec, options, self._machine)
        self._file = open_samples(folder / SAMPLES, basis, settings.fresh, log)
        self._reused = len(self._file.samples)
        # As many as may share an added cost; for those that can only wait together, no limit is known.
        self._workers = {s: STRATEGIES[s].calls_at_once(options) for s in grid.strategies}
        self._model = CostModel(grid.costs, self._workers, self._file.samples)
        self._sweep = Sweep(grid, self._model, self._budget)

    def findings(self) -> Findings:
        cores = effective_cores()
        with (
            as_in_workers(),
            timed_runs(self._spec, self._options, self._file.calibration, self._parent) as runs,
        ):
            scaled = self._run(runs, cores)
        seconds = time.perf_counter() - self._began
        skips = self._sweep.skips()
        source = self._spec.source
        items = sum(len(source.read(chunk)) for chunk in source.chunks(_COUNTING_CHUNKS))
        return Findings(
            name=self._spec.name,
            grid=self._grid,
            model=self._model,
            skips=skips,
            answers=break_even(self._grid, self._model, items or self._grid.counts[-1], self._rng),
            scaling=fit_scaling(self._throughput(scaled), cores),
            workers=self._options.worker_count,
            reused=self._reused,
            taken=len(self._file.samples) - self._reused,
            seconds=seconds,
            machine=self._machine,
        )

    def _run(self, runs: TimedRuns, cores: int) -> Cell | None:
        """Make all timed runs; the cell that was run with different numbers of workers, if any."""
        grid, sweep = self._grid, self._sweep
        scales = cores >= MIN_COUNTS and SCALED in grid.strategies
        scaling_budget = _SCALING_SHARE * self._budget if scales else 0.0
        deadline = self._began + self._budget
        if sweep.next_block(self._budget) is not None:
            # The first run of a process pays for imports and, once, for a fork server.
            for strategy in grid.strategies:
                sweep.try_run(runs.measure, strategy, Cell(grid.costs[0], grid.counts[0]))
        sweep.run(
            runs.measure,
            self._keep,
            time.perf_counter,
            self._rng,
            deadline - scaling_budget,
            self._log_block,
        )
        scaled = self._heaviest(scaling_budget, cores)
        if scaled is not None:
            for workers in worker_counts(cores) * grid.repeats:
                if time.perf_counter() < deadline:
                    seconds = sweep.try_run(partial(runs.measure, workers=workers), SCALED, scaled)
                    if seconds is not None:
                        self._keep(SCALED, scaled, seconds, workers)
        return scaled

    def _keep(self, strategy: str, cell: Cell, seconds: float, workers: int | None = None) -> None:
        sample = Sample(strategy, cell, workers or self._workers[strategy], seconds)
        self._model.add(sample)
        self._file.append(sample)

    def _log_block(self, block: Block) -> None:
        now = time.perf_counter()
        if now - self._last_line >= _LOG_EVERY_SECONDS:
            self._last_line = now
            self._log(
                f"{now - self._began:.0f} s of at most {self._budget:.0f} s, "
                f"{len(self._file.samples):,} timed runs; next: {block.cell.items:,} items, "
                f"{block.cell.cost.name}, {', '.join(block.strategies)}"
            )

    def _heaviest(self, seconds: float, cores: int) -> Cell | None:
        """The cell with the longest runs of those that leave time for all numbers of workers."""
        runs = len(worker_counts(cores)) * self._grid.repeats
        # One worker takes about as long as the reference, and more workers take less.
        times = {
            cell: self._model.expected(self._grid.reference, cell)
            for cell in self._model.cells(SCALED)
            if not cell.cost.waits
        }
        able = [cell for cell, one in times.items() if one * runs <= seconds]
        return max(able, key=lambda cell: times[cell], default=None)

    def _throughput(self, cell: Cell | None) -> dict[int, list[float]]:
        """Items a second by the number of workers."""
        found: dict[int, list[float]] = defaultdict(list)
        for sample in self._file.samples:
            if sample.strategy == SCALED and sample.cell == cell:
                found[sample.workers].append(sample.cell.items / sample.seconds)
        return found


def sample_basis(spec: FanoutSpec, options: Options, machine: Mapping[str, Any]) -> dict[str, Any]:
    """What samples depend on: once any of it changes, they are of no use."""
    batch = spec.batch_function
    return {
        "function": work_fingerprint(spec),
        "batch_function": None if batch is None else function_fingerprint(batch),
        "source": spec.source.examine().identity,
        "workers": options.worker_count,
        "concurrency": options.concurrency,
        "start_method": options.start_method,
        "version": version("fanout_pipeline"),
        "machine": dict(machine),
    }


def runnable_grid(spec: FanoutSpec, grid: Grid, options: Options | None = None) -> Grid:
    """The grid without strategies that cannot run this fan-out, the reference first."""
    batch = frozenset(name for name, strategy in STRATEGIES.items() if strategy.batch)
    able = [
        name
        for name in grid.strategies
        if name != REFERENCE and not unsuited(STRATEGIES[name], spec, options)
    ]
    return Grid(grid.counts, grid.costs, (REFERENCE, *dict.fromkeys(able)), batch, grid.repeats)
