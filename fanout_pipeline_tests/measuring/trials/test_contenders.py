"""Strategies as contenders: each of their timed runs is checked."""

from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, TextLines
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.measuring.break_even.added_cost import Cost, calibrate
from fanout_pipeline.measuring.break_even.grid import Cell
from fanout_pipeline.measuring.break_even.timed_runs import timed_runs
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
from fanout_pipeline.measuring.trials.contenders import StrategyContender
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.trial import TrialOptions
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.squares import square
from fanout_pipeline_tests.measuring.trials import functions
from fanout_pipeline_tests.measuring.trials.simulated import trial_run


@pytest.mark.slow
def test_the_run_whose_time_counts_is_checked_too(tmp_path):
    """Workers that were wrong cold and right warm are not called right."""
    write_numbers(tmp_path / "numbers.txt", 50)
    spec = FanoutSpec("squares", IntegerLines(str(tmp_path / "numbers.txt")), square)
    serial, multiprocess = (
        StrategyContender(
            STRATEGIES[name], spec, tmp_path, Options(workers=2, start_method="spawn")
        )
        for name in (REFERENCE, "multiprocess")
    )
    serial.run(again=False)
    run = multiprocess.run(again=True)
    assert multiprocess.check(run).wrong == 0
    assert multiprocess.check(replace(run, digest="of other results")).wrong > 0


@pytest.mark.slow
def test_a_function_that_contradicts_itself_makes_no_contender_wrong(tmp_path):
    """Trials go on, nothing is called wrong, and the comparison says what was found."""
    (tmp_path / "lines.txt").write_text("".join(f"line {n}\n" for n in range(50)))
    spec = FanoutSpec("lines", TextLines(str(tmp_path / "lines.txt")), functions.hashed)
    determinism = DeterminismTest(spec)
    contenders = [
        StrategyContender(
            STRATEGIES[name],
            spec,
            tmp_path,
            Options(workers=2, start_method="spawn"),
            determinism=determinism,
        )
        for name in (REFERENCE, "threads", "multiprocess")
    ]
    found = run_trials(contenders[0], contenders[1:], TrialOptions(rounds=2))
    assert {trial.strategy for trial in found.trials} == {one.name for one in contenders}
    assert all(trial.correct for trial in found.trials)
    assert determinism.contradiction is not None
    run = trial_run(contradiction=determinism.contradiction.sentence)
    assert all(row.correct for row in compare(run, found.trials).rows)


@pytest.mark.slow
def test_a_sweep_forgives_last_digits(tmp_path):
    """A timed run whose results differ from serial's in the last digits only is not refused."""
    (tmp_path / "lines.txt").write_text("".join(f"{n}\n" for n in range(50)))
    spec = FanoutSpec(
        "lines", TextLines(str(tmp_path / "lines.txt")), functions.elsewhere_otherwise
    )
    cell = Cell(Cost.parsed("wait 1 ms"), 20)
    with timed_runs(spec, Options(workers=2, start_method="spawn"), calibrate(), tmp_path) as runs:
        for strategy in ("multiprocess", REFERENCE, "multiprocess", "threads"):
            assert runs.measure(strategy, cell) > 0
