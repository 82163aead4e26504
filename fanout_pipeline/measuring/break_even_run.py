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
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.engine.system.numeric import as_in_workers
from fanout_pipeline.measuring.break_even import BreakEven, break_even
from fanout_pipeline.measuring.burden import calibrate
from fanout_pipeline.measuring.cost_model import CostModel
from fanout_pipeline.measuring.machine import machine_record
from fanout_pipeline.measuring.sample_file import SampleFile, earlier_samples
from fanout_pipeline.measuring.scaling import MIN_COUNTS, Scaling, fit_scaling, worker_counts
from fanout_pipeline.measuring.sweep import Block, Sweep
from fanout_pipeline.measuring.sweep_grid import Cell, Grid, Sample, Skip
from fanout_pipeline.measuring.sweep_runs import sweep_runs
from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.files.lock import Held, locked

SCALED = "multiprocess"
"""The strategy whose throughput is measured over numbers of workers."""
SAMPLES = "samples.parquet"
_SCALING_SHARE = 0.25
_LOG_EVERY = 10.0
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
    """Samples of an earlier run."""
    taken: int
    """Samples of this run."""
    seconds: float
    """Of measuring."""
    machine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure."""

    budget_seconds: float
    """Of wall time, for all timed runs and what goes with them."""
    seed: int = 0
    """Of the order of runs and of the bootstrap."""
    fresh: bool = False
    """Do not use the samples of an earlier run."""


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
            alone.enter_context(locked(folder / ".lock"))
        except Held:
            raise AlreadyRunning(
                f"Another run is measuring into {folder}: wait for its end, then run again."
            ) from None
        return _measured(spec, folder, options, grid, settings, log)


def _measured(
    spec: FanoutSpec,
    folder: Path,
    options: Options,
    grid: Grid,
    settings: Settings,
    log: Callable[[str], object],
) -> Findings:
    began = time.perf_counter()
    budget, rng = settings.budget_seconds, Random(settings.seed)  # noqa: S311 (no secret)
    machine = machine_record()
    file = _sample_file(folder / SAMPLES, made_of(spec, options, machine), settings.fresh, log)
    reused = len(file.samples)
    # Of how many a burden may be shared; of those that can only wait together, that is no limit yet.
    workers_of = {s: STRATEGIES[s].calls_at_once(options) for s in grid.strategies}
    model = CostModel(grid.costs, workers_of, file.samples)
    sweep = Sweep(grid, model, budget)
    cores = effective_cores()
    scaling_budget = _SCALING_SHARE * budget if _scales(grid, cores) else 0.0

    def keep(strategy: str, cell: Cell, seconds: float, workers: int | None = None) -> None:
        sample = Sample(strategy, cell, workers or workers_of[strategy], seconds)
        model.add(sample)
        file.append(sample)

    with as_in_workers(), sweep_runs(spec, options, file.calibration, folder.parent) as runs:
        if sweep.next_block(budget) is not None:
            # The first run of a process pays for imports and, once, for a fork server.
            for strategy in grid.strategies:
                sweep.tried(runs.measure, strategy, Cell(grid.costs[0], grid.counts[0]))
        sweep.run(
            runs.measure,
            keep,
            time.perf_counter,
            rng,
            began + budget - scaling_budget,
            _reporter(log, began, budget, file),
        )
        scaled = _heaviest(grid, model, scaling_budget, cores)
        if scaled is not None:
            for workers in worker_counts(cores) * grid.repeats:
                if time.perf_counter() < began + budget:
                    measure = partial(runs.measure, workers=workers)
                    took = sweep.tried(measure, SCALED, scaled)
                    if took is not None:
                        keep(SCALED, scaled, took, workers)
    seconds = time.perf_counter() - began
    skips = sweep.skips()
    items = sum(len(spec.source.read(chunk)) for chunk in spec.source.chunks(_COUNTING_CHUNKS))
    return Findings(
        name=spec.name,
        grid=grid,
        model=model,
        skips=skips,
        answers=break_even(grid, model, items or grid.counts[-1], rng),
        scaling=fit_scaling(_throughput(file, scaled), cores),
        workers=options.workers,
        reused=reused,
        taken=len(file.samples) - reused,
        seconds=seconds,
        machine=machine,
    )


def made_of(spec: FanoutSpec, options: Options, machine: Mapping[str, Any]) -> dict[str, Any]:
    """What the samples depend on: where any of it changes, they are of no use any more."""
    batch = spec.batch_function
    return {
        "function": work_fingerprint(spec),
        "batch_function": None if batch is None else function_fingerprint(batch),
        "source": spec.source.examine().identity,
        "workers": options.workers,
        "concurrency": options.concurrency,
        "start_method": options.start_method,
        "version": version("fanout_pipeline"),
        "machine": dict(machine),
    }


def grid_of(spec: FanoutSpec, grid: Grid) -> Grid:
    """The grid without strategies that this fan-out cannot run, the reference first."""
    batch = frozenset(name for name, strategy in STRATEGIES.items() if strategy.batch)
    able = [s for s in grid.strategies if s != REFERENCE and STRATEGIES[s].suits(spec)]
    return Grid(grid.counts, grid.costs, (REFERENCE, *dict.fromkeys(able)), batch, grid.repeats)


def _sample_file(
    path: Path, made: dict[str, Any], fresh: bool, log: Callable[[str], object]
) -> SampleFile:
    earlier = None if fresh else earlier_samples(path, made)
    if earlier is not None:
        log(
            f"Going on from {len(earlier.samples):,} timed runs in {path}; fresh: true starts anew."
        )
        return earlier
    if path.exists():
        why = "fresh is set" if fresh else "they are of another function, input, machine or setting"
        log(f"Starting anew: the timed runs in {path} are not used, for {why}.")
    return SampleFile(path, made, calibrate())


def _scales(grid: Grid, cores: int) -> bool:
    return cores >= MIN_COUNTS and SCALED in grid.strategies


def _heaviest(grid: Grid, model: CostModel, seconds: float, cores: int) -> Cell | None:
    """The cell with the longest runs of those that leave time for all numbers of workers."""
    runs = len(worker_counts(cores)) * grid.repeats
    # The reference's time is about what one worker takes, and the others take less.
    times = {
        cell: model.expected(grid.reference, cell)
        for cell in model.cells(SCALED)
        if not cell.cost.waits
    }
    able = [cell for cell, one in times.items() if one * runs <= seconds]
    return max(able, key=lambda cell: times[cell], default=None)


def _throughput(file: SampleFile, cell: Cell | None) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for sample in file.samples:
        if sample.strategy == SCALED and sample.cell == cell:
            found[sample.workers].append(sample.cell.items / sample.seconds)
    return found


def _reporter(
    log: Callable[[str], object], began: float, budget: float, file: SampleFile
) -> Callable[[Block], None]:
    last = began

    def report(block: Block) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= _LOG_EVERY:
            last = now
            log(
                f"{now - began:.0f} s of at most {budget:.0f} s, {len(file.samples):,} timed runs; "
                f"next: {block.cell.items:,} items, {block.cell.cost.name}, "
                f"{', '.join(block.strategies)}"
            )

    return report
