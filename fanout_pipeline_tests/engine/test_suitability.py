"""What a strategy cannot do is known before anything runs, and said in a sentence."""

import functools
from dataclasses import asdict, replace

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.suitability import unsuited, unsuited_baselines
from fanout_pipeline_tests.engine.baselines import functions
from fanout_pipeline_tests.names import BASELINES

SOURCE = IntegerLines("numbers.txt")
RELIABLE = [name for name, strategy in STRATEGIES.items() if not strategy.baseline]
IN_THE_TEST = functools.partial(max, lambda: 0)


def suited(spec, options=None):
    return {one.name for one in STRATEGIES.values() if unsuited(one, spec, options) is None}


def test_a_strategy_suits_what_it_can_call():
    """`asyncio` is for async functions and `vectorized` for batches; the others are for all."""
    plain = FanoutSpec("work", SOURCE, functions.text)
    waiting = FanoutSpec("work", SOURCE, functions.awaited, functions.text)
    assert suited(plain) == set(STRATEGIES) - {"asyncio", "vectorized"}
    assert suited(waiting) == set(STRATEGIES)


@pytest.mark.parametrize(
    "function", [lambda number: number, IN_THE_TEST], ids=["lambda", "partial"]
)
def test_baselines_call_only_what_can_be_imported(function):
    """A function that travels with its code, or holds such a one, suits no baseline."""
    spec = FanoutSpec("work", SOURCE, function)
    assert suited(spec) == set(RELIABLE) - {"asyncio", "vectorized"}
    reasons = unsuited_baselines(
        STRATEGIES.values(), spec, Options(workers=2, start_method="spawn")
    )
    assert set(reasons) == set(BASELINES)
    assert all("which other processes cannot import" in reason for reason in reasons.values())


def test_baselines_read_only_sources_that_can_be_imported():
    """A source whose class stands in a script is named, where the function could be sent."""

    class Local(IntegerLines):
        pass

    spec = FanoutSpec("work", Local("numbers.txt"), functions.text)
    reasons = unsuited_baselines(
        STRATEGIES.values(), spec, Options(workers=2, start_method="spawn")
    )
    assert set(reasons) == set(BASELINES)
    assert all("the source" in reason and "Local" in reason for reason in reasons.values())


def test_all_that_a_baseline_lacks_is_told_at_once():
    """One message names every option, so that a user need not find them one by one."""
    policy = FailurePolicy(on_error="quarantine", retries=2)
    spec = FanoutSpec("work", SOURCE, functions.text)
    assert unsuited(
        STRATEGIES["queue"], spec, Options(workers=2, start_method="spawn", **asdict(policy))
    ) == (
        "queue is kept for comparison only, and does not support retries=2 or "
        "on_error='quarantine'. Use multiprocess instead."
    )


@pytest.mark.parametrize("name", ["serial", "threads"])
def test_a_limit_that_is_not_applied_is_a_warning(name, tmp_path):
    """A strategy that cannot end a call says so, in one line, and works as if there were no limit."""
    (tmp_path / "numbers.txt").write_text("1\n2\n")
    spec = FanoutSpec("work", IntegerLines(str(tmp_path / "numbers.txt")), functions.text)
    options, lines = Options(workers=2, item_timeout_seconds=30.0), []
    run_strategy(STRATEGIES[name], spec, tmp_path / name, options, log=lines.append)
    assert [line for line in lines if "item_timeout_seconds is not applied" in line] == lines
    assert len(lines) == 1


def test_every_limit_that_is_not_applied_is_a_warning(tmp_path):
    """A strategy with worker processes that cannot limit their memory says so."""
    (tmp_path / "numbers.txt").write_text("1\n2\n")
    strategy = replace(STRATEGIES["serial"], lacks=frozenset({"worker_memory_mb"}))
    spec = FanoutSpec("work", IntegerLines(str(tmp_path / "numbers.txt")), functions.text)
    options, lines = Options(workers=1, worker_memory_mb=100), []
    run_strategy(strategy, spec, tmp_path / "results", options, log=lines.append)
    assert "Warning: worker_memory_mb is not applied by serial. Use multiprocess." in lines
