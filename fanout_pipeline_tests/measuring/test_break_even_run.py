"""A real sweep of some seconds: checked results, samples that are kept and used again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring import break_even_run, sweep_runs
from fanout_pipeline.measuring.break_even import FROM
from fanout_pipeline.measuring.break_even_run import (
    AlreadyRunning,
    Settings,
    grid_of,
    measure_break_even,
)
from fanout_pipeline.measuring.burden import Calibration, Cost
from fanout_pipeline.measuring.sample_file import SampleFile, earlier_samples
from fanout_pipeline.measuring.sweep_grid import Cell, Grid, Sample, ordered
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline_tests.contract.functions import adapters, awaiting, awkward, returning

pytestmark = pytest.mark.slow

WAIT = Cost(1e-3, waits=True)
BURN = Cost(1e-4)
OPTIONS = Options(2, "forkserver")
OF = {"function": "f", "machine": {"cores": 2}}


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "numbers.txt").write_text("3\n1\n2\n")
    return FanoutSpec(
        "same", IntegerLines(str(tmp_path / "numbers.txt")), returning.same, adapters.Batch(abs)
    )


def grid(spec, *strategies, counts=(10, 100), repeats=2, cost=WAIT):
    return grid_of(spec, Grid(counts, ordered([cost]), strategies, frozenset(), repeats))


def measured(spec, tmp_path, *strategies, budget=20, cost=WAIT, **settings):
    return measure_break_even(
        spec,
        tmp_path / "same" / "break_even",
        OPTIONS,
        grid(spec, *(strategies or ("threads",)), cost=cost),
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
    assert names - {".lock"} == {"samples.parquet"}


def test_a_later_run_uses_the_earlier_ones_samples(spec, tmp_path):
    """A complete grid is not measured again; a larger one adds to it; `fresh` starts anew."""
    first = measured(spec, tmp_path)
    again = measured(spec, tmp_path)
    assert (again.reused, again.taken) == (first.taken, 0)
    assert again.model.cells("serial") == first.model.cells("serial")
    wider = measured(spec, tmp_path, "threads", "vectorized")
    assert wider.reused == first.taken
    assert wider.taken > 0
    assert wider.model.cells("vectorized")
    anew = measured(spec, tmp_path, fresh=True)
    assert anew.reused == 0


def test_samples_of_anything_else_are_not_used(spec, tmp_path):
    """After a change of function, input or setting, nothing is reused, and the log says so."""
    measured(spec, tmp_path)
    lines = []
    other = replace(spec, function=awkward.mixed_types)
    found = measure_break_even(
        other,
        tmp_path / "same" / "break_even",
        OPTIONS,
        grid(other, "threads"),
        Settings(1),
        lines.append,
    )
    assert found.reused == 0
    assert "Starting anew" in lines[0]
    (tmp_path / "numbers.txt").write_text("3\n1\n4\n")
    assert measured(other, tmp_path, budget=1).reused == 0


def test_a_strategy_that_gives_other_results_ends_the_sweep(spec, tmp_path):
    """No time of wrong results is ever reported."""
    wrong = replace(spec, batch_function=adapters.Batch(str))
    with pytest.raises(sweep_runs.WrongResults, match="different results of the same 10 items"):
        measured(wrong, tmp_path, "vectorized")
    assert not list((tmp_path / "same").glob(".break_even-*"))


@pytest.mark.slow
def test_an_unordered_strategy_is_checked_for_completeness(spec, tmp_path):
    """`queue` may lose the order, and is compared result by result instead."""
    found = measured(spec, tmp_path, *STRATEGIES, budget=30)
    assert found.model.cells("queue")
    assert set(found.model.workers) == set(STRATEGIES) - {"asyncio"}


def test_waits_of_an_async_function_are_beside_each_other(spec, tmp_path):
    """An async function is swept by `asyncio`, too; what is added to it waits without blocking."""
    # So long that nothing else which the machine does takes half as long.
    wait = Cost(5e-3, waits=True)
    function = awaiting.same_async
    found = measured(replace(spec, function=function), tmp_path, "asyncio", cost=wait)
    waits = Cell(wait, 100)
    assert min(found.model.seconds("serial", waits)) >= 100 * wait.seconds
    assert min(found.model.seconds("asyncio", waits)) < 0.5 * 100 * wait.seconds
    assert found.answers.by_items["asyncio", wait].answer == FROM


def test_with_four_cores_the_number_of_workers_is_varied(spec, tmp_path, monkeypatch):
    """Where there are four numbers of workers to compare, they are run, and the law is fitted."""
    monkeypatch.setattr(break_even_run, "effective_cores", lambda: 4)
    lines = []
    found = measure_break_even(
        spec,
        tmp_path / "same" / "break_even",
        OPTIONS,
        grid_of(spec, Grid((10, 3000), ordered([BURN]), ("multiprocess",), frozenset(), 1)),
        Settings(25),
        lines.append,
    )
    assert found.scaling.identifiable
    assert set(found.scaling.throughput) == {1, 2, 3, 4}
    assert 1 <= found.scaling.best_workers <= 4
    # Runs with other numbers of workers are no samples of the strategy as it is configured.
    assert sum(map(len, found.model.cells("multiprocess").values())) < found.taken


def test_two_sweeps_at_once_are_refused(spec, tmp_path):
    """A second sweep would disturb the first one's times: it is told to wait."""
    folder = tmp_path / "same" / "break_even"
    folder.mkdir(parents=True)
    with locked(folder / ".lock"), pytest.raises(AlreadyRunning, match="wait for its end"):
        measured(spec, tmp_path)


def test_what_a_killed_sweep_left_is_removed(spec, tmp_path):
    """Temporary files of a sweep that died are gone after the next one."""
    abandoned = tmp_path / "same" / ".break_even-dead"
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
