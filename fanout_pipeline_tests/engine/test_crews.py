"""One crew serves several runs, and each is as if it had a crew of its own."""

import os

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.crews import open_crew
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.squares import square
from fanout_pipeline_tests.contract.functions.raising import raises_on_guilty
from fanout_pipeline_tests.contract.runs import write_items


def spec_of(folder, number, function=square):
    path = write_items(folder / f"numbers-{number}.txt", 400 + 10 * number)
    return FanoutSpec("squares", IntegerLines(str(path)), function)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workers"), [("multiprocess", 2), ("auto", 1), ("threads", 2)])
def test_a_crew_does_several_runs(name, workers, tmp_path, monkeypatch):
    """Inputs and folders differ, the workers are the same; results and records are those of runs apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    strategy, options = STRATEGIES[name], Options(workers=workers)
    records = []
    with open_crew(strategy, options) as crew:
        for number in range(3):
            spec, folder = spec_of(tmp_path, number), tmp_path / f"out-{number}"
            how = {"ledger": True, "resume": True, "crew": crew}
            records.append(run_strategy(strategy, spec, folder, options, **how))
    started = records[0].worker_pids
    for number, record in enumerate(records):
        assert set(record.worker_pids) <= set(started)
        assert 0 < record.cpu_seconds <= sum(one.cpu_seconds for one in records)
        apart = run_strategy(strategy, spec_of(tmp_path, number), tmp_path / "apart", options)
        assert record.digest == apart.digest
        assert record.items == 400 + 10 * number
        found = read_results(tmp_path / f"out-{number}")["result"].tolist()
        assert found == [(1000 + index) ** 2 for index in range(record.items)]
    if strategy.starts_processes:
        assert os.getpid() not in started
        assert not any(psutil.pid_exists(pid) for pid in started)


@pytest.mark.slow
def test_a_run_that_fails_costs_the_crew_its_workers(tmp_path):
    """Nobody writes to what it leaves; what comes next is done by others, and is complete."""
    strategy, options = STRATEGIES["multiprocess"], Options(workers=2)
    records = []
    with open_crew(strategy, options) as crew:
        for number, function in enumerate((square, raises_on_guilty, square)):
            try:
                spec, folder = spec_of(tmp_path, number, function), tmp_path / f"out-{number}"
                records.append(run_strategy(strategy, spec, folder, options, crew=crew))
            except ItemFailed:
                assert not any(psutil.pid_exists(pid) for pid in records[0].worker_pids)
    first, last = records
    assert not set(first.worker_pids) & set(last.worker_pids)
    assert len(read_results(tmp_path / "out-2")) == 420


def test_a_crew_serves_what_it_was_opened_for(tmp_path):
    """Another number of workers, or another strategy, is refused before anything starts; so are baselines."""
    spec = spec_of(tmp_path, 0)
    with open_crew(STRATEGIES["serial"], Options(workers=2)) as crew:
        for name, workers, what in (("serial", 3, "workers"), ("threads", 2, "strategy")):
            with pytest.raises(ValueError, match=f"opened for another {what}: "):
                run_strategy(
                    STRATEGIES[name], spec, tmp_path / "out", Options(workers=workers), crew=crew
                )
    opened = open_crew(STRATEGIES["pool_map"], Options())
    with pytest.raises(Unsupported, match="pool_map is kept for comparison only"), opened:
        pass
