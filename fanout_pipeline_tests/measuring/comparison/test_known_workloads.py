"""The verdict on work of which everybody knows what is best, on the real clock.

On a machine that others load it may be withheld; it may never be wrong.
"""

from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.measuring.trials.contenders import StrategyContender
from fanout_pipeline.measuring.trials.other_load import CpuTimes
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.trial import TrialOptions
from fanout_pipeline.squares import square
from fanout_pipeline_tests.measuring.comparison.workloads import (
    burn_1_ms,
    wait_2_ms,
    wait_2_ms_async,
)
from fanout_pipeline_tests.measuring.trials.simulated import trial_run

pytestmark = pytest.mark.slow


def judged(tmp_path, function, count, *strategies, workers=2, chunks=None):
    """The comparison and the verdict of real trials; `tmp_path` gets the numbers 0 to `count`."""
    file = tmp_path / "numbers.txt"
    file.write_text("".join(f"{n}\n" for n in range(count)))
    spec = FanoutSpec("work", IntegerLines(str(file)), function)
    options = Options(workers=workers, start_method="forkserver")
    contenders = [
        StrategyContender(
            STRATEGIES[name],
            spec,
            tmp_path / "trials",
            replace(options, chunks=chunks),
            warm_runs=0,
        )
        for name in (REFERENCE, *strategies)
    ]
    before = CpuTimes.now()
    found = run_trials(contenders[0], contenders[1:], TrialOptions(rounds=5, budget_seconds=60))
    # Where others take the cores, two threads get more of them than one: as in the asset, that withholds.
    others = before.others_until(CpuTimes.now())
    compared = compare(trial_run(other_load=others), found.trials)
    return compared, decide(compared, found.trials)


def test_waiting_pays_in_threads(tmp_path):
    """Of a function that waits 2 ms an item, 16 threads do more than a loop; they are recommended."""
    compared, verdict = judged(tmp_path, wait_2_ms, 160, "threads", workers=16, chunks=16)
    assert compared.row("threads").speedup > 1
    assert verdict.use in ("threads", "cannot tell"), verdict


def test_waiting_pays_in_an_event_loop(tmp_path):
    """Of an async function that waits 2 ms an item, asyncio does more than a loop; it is recommended."""
    compared, verdict = judged(tmp_path, wait_2_ms_async, 160, "asyncio")
    assert compared.row("asyncio").speedup > 1
    assert verdict.use in ("asyncio", "cannot tell"), verdict


def test_computing_does_not_pay_in_threads(tmp_path):
    """Of a function that computes for 1 ms an item, threads are never recommended, for one of them holds the GIL."""
    _, verdict = judged(tmp_path, burn_1_ms, 100, "threads")
    assert verdict.use in ("stay serial", "cannot tell"), verdict


def test_a_thousand_squares_stay_serial(tmp_path):
    """Nothing that starts workers is ever recommended for work of milliseconds."""
    _, verdict = judged(tmp_path, square, 1000, "threads", "multiprocess", "pool_map")
    assert verdict.use in ("stay serial", "cannot tell"), verdict
    if verdict.trusted:
        assert verdict.strategy is not None
        assert verdict.ratio > 1
