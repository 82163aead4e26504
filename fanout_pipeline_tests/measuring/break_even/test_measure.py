"""A real sweep of some seconds: checked results, samples that are kept and used again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.break_even import measure, timed_runs
from fanout_pipeline.measuring.break_even.added_cost import Calibration, Cost
from fanout_pipeline.measuring.break_even.grid import Cell, Grid, Sample, ordered_costs
from fanout_pipeline.measuring.break_even.measure import (
    AlreadyRunning,
    Settings,
    measure_break_even,
    runnable_grid,
)
from fanout_pipeline.measuring.break_even.sample_file import SampleFile, earlier_samples
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline_tests.contract.functions import adapters, awaiting, awkward, returning

pytestmark = pytest.mark.slow

WAIT = Cost(1e-3, waits=True)
BURN = Cost(1e-4)
OPTIONS = Options(workers=2, start_method="forkserver")
OF = {"function": "f", "machine": {"cores": 2}}


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "numbers.txt").write_text("3\n1\n2\n")
    return FanoutSpec(
        "same", IntegerLines(str(tmp_path / "numbers.txt")), returning.same, adapters.Batch(abs)
    )


def grid(spec, *strategies, counts=(10, 100), repeats=2):
    return runnable_grid(
        spec, Grid(counts, ordered_costs([WAIT]), strategies, frozenset(), repeats)
    )


def measured(spec, tmp_path, *strategies, budget=120, counts=(10, 100), **settings):
    return measure_break_even(
        spec,
        tmp_path / "same" / "break_even",
        OPTIONS,
        grid(spec, *(strategies or ("threads",)), counts=counts),
        Settings(budget, **settings),
    )


def test_a_sweep_measures_and_leaves_nothing_but_samples(spec, tmp_path, leaves_nothing):
    """Real runs on files of exactly n items give times for every cell, and leave no file behind."""
    found = measured(spec, tmp_path)
    for cell in found.grid.cells:
        for strategy in ("serial", "threads"):
            assert len(found.model.seconds(strategy, cell)) >= 2, (strategy, cell)
    assert not found.skips
    # Three items are in the file: the user's count, not one of the grid.
    assert found.answers.items == 3
    assert found.reused == 0
    assert {path.name for path in (tmp_path / "same").iterdir()} == {"break_even"}
    names = {path.name for path in (tmp_path / "same" / "break_even").iterdir()}
    assert names - {"_lock"} == {"samples.parquet"}


def test_a_later_run_uses_the_earlier_ones_samples(spec, tmp_path):
    """A complete grid is not measured again; a larger one adds to it; `fresh` starts anew."""
    first = measured(spec, tmp_path, counts=(10,))
    again = measured(spec, tmp_path, counts=(10,))
    assert (again.reused, again.taken) == (first.taken, 0)
    assert again.model.cells("serial") == first.model.cells("serial")
    wider = measured(spec, tmp_path, "threads", "vectorized", counts=(10,))
    assert wider.reused == first.taken
    assert wider.taken > 0
    assert wider.model.cells("vectorized")
    anew = measured(spec, tmp_path, counts=(10,), budget=0, fresh=True)
    assert anew.reused == 0


def test_samples_of_anything_else_are_not_used(spec, tmp_path):
    """After a change of function, input or setting, nothing is reused, and the log says so."""
    measured(spec, tmp_path, counts=(10,))
    lines = []
    other = replace(spec, function=awkward.mixed_types)
    found = measure_break_even(
        other,
        tmp_path / "same" / "break_even",
        OPTIONS,
        grid(other, "threads"),
        Settings(0),
        lines.append,
    )
    assert found.reused == 0
    assert "Starting anew" in lines[0]
    (tmp_path / "numbers.txt").write_text("3\n1\n4\n")
    assert measured(other, tmp_path, budget=0).reused == 0


def test_a_strategy_that_gives_other_results_ends_the_sweep(spec, tmp_path):
    """No time of wrong results is ever reported."""
    wrong = replace(spec, batch_function=adapters.Batch(str))
    with pytest.raises(timed_runs.WrongResults, match="different results for the same 10 items"):
        measured(wrong, tmp_path, "vectorized")
    assert not list((tmp_path / "same").glob("_break_even-*"))


@pytest.mark.slow
def test_an_unordered_strategy_is_checked_for_completeness(spec, tmp_path):
    """`queue` may lose the order, and is compared result by result instead."""
    found = measured(spec, tmp_path, "queue", counts=(10,))
    assert found.model.cells("queue")


def test_strategies_that_do_not_suit_the_function_are_left_out(spec):
    """A grid of all strategies has those that can run the fan-out, the reference first."""
    (first, *others) = grid(spec, *STRATEGIES).strategies
    assert (first, {first, *others}) == ("serial", set(STRATEGIES) - {"asyncio"})


def test_waits_of_an_async_function_are_beside_each_other(spec, tmp_path):
    """An async function is swept by `asyncio`, too; what is added to it waits without blocking."""
    function = awaiting.same_async
    found = measured(replace(spec, function=function), tmp_path, "asyncio", counts=(10, 400))
    waits = Cell(WAIT, 400)
    serial, asyncio = (min(found.model.seconds(name, waits)) for name in ("serial", "asyncio"))
    assert serial >= 400 * WAIT.seconds
    assert asyncio < serial


def test_with_four_cores_the_number_of_workers_is_varied(spec, tmp_path, monkeypatch):
    """Where there are four numbers of workers to compare, they are run, and the law is fitted."""
    monkeypatch.setattr(measure, "effective_cores", lambda: 4)
    lines = []
    found = measure_break_even(
        spec,
        tmp_path / "same" / "break_even",
        OPTIONS,
        runnable_grid(
            spec, Grid((10, 1000), ordered_costs([BURN]), ("multiprocess",), frozenset(), 1)
        ),
        Settings(120),
        lines.append,
    )
    assert found.scaling.identifiable
    assert set(found.scaling.throughput) == {1, 2, 3, 4}
    assert 1 <= found.scaling.best_workers <= 4
    # Runs with other numbers of workers are no samples of the strategy as it is configured.
    assert sum(map(len, found.model.cells("multiprocess").values())) < found.taken


def test_two_sweeps_at_once_are_refused(spec, tmp_path):
    """A second sweep would disturb the first one's times: it has to wait."""
    folder = tmp_path / "same" / "break_even"
    folder.mkdir(parents=True)
    with locked(folder / "_lock"), pytest.raises(AlreadyRunning, match="wait for its end"):
        measured(spec, tmp_path)


def test_what_a_killed_sweep_left_is_removed(spec, tmp_path):
    """Temporary files of a sweep that died, of this version or an earlier one, go with the next one."""
    for name in ("_break_even-dead", ".break_even-dead"):
        abandoned = tmp_path / "same" / name
        abandoned.mkdir(parents=True)
        (abandoned / "10.items").write_text("1\n")
    measured(spec, tmp_path, budget=2)
    assert {path.name for path in (tmp_path / "same").iterdir()} == {"break_even"}


def test_samples_are_read_as_they_were_written(tmp_path):
    """A sample file gives back its samples and the calibration they were taken with."""
    path = tmp_path / "new" / "samples.parquet"
    file = SampleFile(path, OF, Calibration(1e8, 2e-7))
    samples = [
        Sample("serial", Cell(Cost(), 10), 1, 0.5),
        Sample("threads", Cell(WAIT, 320), 2, 0.25),
    ]
    for sample in samples:
        file.append(sample)
    found = earlier_samples(path, json.loads(json.dumps(OF)))
    assert found is not None
    assert found.samples == samples
    assert found.calibration == Calibration(1e8, 2e-7)
    assert parquet.read_table(path)["seconds"].to_pylist() == [0.5, 0.25]


@pytest.mark.parametrize("content", [None, b"", b"not Parquet"])
def test_a_damaged_sample_file_is_no_obstacle(tmp_path, content):
    """A file that cannot be read is as good as none."""
    path: Path = tmp_path / "samples.parquet"
    if content is not None:
        path.write_bytes(content)
    assert earlier_samples(path, OF) is None


def test_samples_of_another_machine_are_not_used(tmp_path):
    """Times of one machine say nothing about another."""
    path = tmp_path / "samples.parquet"
    SampleFile(path, OF, Calibration(1e8, 0)).append(Sample("serial", Cell(Cost(), 10), 1, 0.5))
    assert earlier_samples(path, OF | {"machine": {"cores": 4}}) is None
