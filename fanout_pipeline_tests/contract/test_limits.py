"""Limits of all calls together hold in every strategy, and change no result."""

import time
from itertools import pairwise

import pytest

from fanout_pipeline import BudgetSpent, ItemFailed, Options, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.contract.cases import BY_ITEM, every_strategy, every_strategy_by_item
from fanout_pipeline_tests.contract.functions.limited import (
    Busy,
    BusyAtFirst,
    Noted,
    busy,
    same,
    when_busy,
)
from fanout_pipeline_tests.contract.runs import spec_of, write_items
from fanout_pipeline_tests.processes import interrupt

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def called(tmp_path):
    """The calls so far: items and times, in the order of time."""
    path = tmp_path / "calls"

    def calls():
        lines = [line.split() for line in path.read_text().splitlines()]
        return sorted(((float(at), int(item)) for item, at in lines))

    calls.path = path
    return calls


def run(name, file, function, folder, options, log=print, kept=True):
    spec = spec_of(name, file, function)
    return run_strategy(STRATEGIES[name], spec, folder, options, log=log, ledger=kept, resume=kept)


def results(folder):
    return read_results(folder)["result"].tolist()


@every_strategy_by_item
def test_a_rate_is_that_of_all_workers(name, file, called, tmp_path):
    """All workers together make one call after the other, as far apart as the rate says."""
    options = Options(workers=3, per_second=100)
    run(name, file, Noted(called.path, same), tmp_path / "out", options)
    times = [at for at, _ in called()]
    assert len(times) == 100
    assert times[-1] - times[0] >= 0.98
    assert results(tmp_path / "out") == list(range(1000, 1100))


@every_strategy_by_item
def test_all_hold_back_when_one_is_told_to(name, file, called, tmp_path):
    """What one call was told holds for all; the call is made again, and none of its retries is used up."""
    function = Noted(called.path, BusyAtFirst(tmp_path, (1020, 1070)))
    options = Options(workers=3, concurrency=2, per_second=200, retry_after=when_busy)
    run(name, file, function, tmp_path / "out", options)
    times = [at for at, _ in called()]
    assert len(times) == 102
    assert results(tmp_path / "out") == list(range(1000, 1100))
    pauses = [b - a for a, b in pairwise(times)]
    assert sum(pause > 0.25 for pause in pauses) == 2


@every_strategy_by_item
def test_other_errors_are_not_waited_for(name, file, called, tmp_path):
    """An error for which `retry_after` gives None has the retries that it has without it, and fails."""
    options = Options(retries=1, backoff_seconds=0, retry_after=lambda error: None)
    with pytest.raises(ItemFailed, match=r"Busy.*tried 2 times"):
        run(name, file, busy, tmp_path / "out", options)


@every_strategy_by_item
def test_a_number_is_for_errors_that_are_named(name, file, tmp_path):
    """A number of seconds is waited after errors that `retry_on` names, without a limit of retries."""
    options = Options(retry_after=0.01, retry_on=(Busy.__name__,))
    run(name, file, BusyAtFirst(tmp_path, (1003, 1050)), tmp_path / "out", options)
    assert results(tmp_path / "out") == list(range(1000, 1100))


@every_strategy
def test_a_budget_of_calls_is_never_exceeded(name, file, called, tmp_path):
    """The run ends when its calls are made, keeps all that they gave, and the next one goes on from there."""
    function = Noted(called.path, same)
    options = Options(workers=3, budget_calls=30, chunks=None if name in BY_ITEM else 40)
    seen = []
    for more in (30, 30, 30):
        with pytest.raises(BudgetSpent) as spent:
            run(name, file, function, tmp_path / "out", options)
        if name in BY_ITEM:
            assert (spent.value.calls, spent.value.items) == (30, more)
        seen.append(len(called()))
        if name not in BY_ITEM:
            break
    lines = []
    run(name, file, function, tmp_path / "out", Options(chunks=options.chunks), lines.append)
    assert results(tmp_path / "out") == list(range(1000, 1100))
    assert sorted(item for _, item in called()) == list(range(1000, 1100))
    if name in BY_ITEM:
        assert seen == [30, 60, 90]
    assert [line for line in lines if "resumes" in line]


@every_strategy_by_item
def test_a_budget_counts_retries(name, file, called, tmp_path):
    """Calls that are made again count, and an item that could not be tried again is not done."""
    function = Noted(called.path, BusyAtFirst(tmp_path, range(1000, 1100, 2)))
    options = Options(workers=2, retries=3, backoff_seconds=0, budget_calls=45)
    with pytest.raises(BudgetSpent) as spent:
        run(name, file, function, tmp_path / "out", options)
    assert len(called()) == 45
    assert spent.value.calls == 45
    before = sorted(item for _, item in called())
    run(name, file, function, tmp_path / "out", Options(retries=3, backoff_seconds=0))
    assert results(tmp_path / "out") == list(range(1000, 1100))
    done = len(called()) - len(before)
    assert done <= 100 - spent.value.items + 50


@every_strategy_by_item
def test_a_budget_of_time_says_what_all_would_take(name, file, tmp_path):
    """The run ends soon after its time, and the error estimates what all of it would have taken."""
    options = Options(workers=2, budget_seconds=0.5, per_second=40)
    with pytest.raises(
        BudgetSpent, match=r"budget_seconds=0.5 is spent: .* about .* calls"
    ) as spent:
        run(name, file, same, tmp_path / "out", options, kept=False)
    assert 0 < spent.value.items <= 21
    assert spent.value.whole_calls > spent.value.calls


@every_strategy_by_item
def test_interrupted_while_all_wait(name, tmp_path, file, called, earlier):
    """Ctrl-C ends a run whose workers wait for their turn, long before it comes."""
    options = Options(workers=2, per_second=0.01)
    thread = interrupt(called.path.exists, delay=0.2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(name, file, Noted(called.path, same), earlier, options, kept=False)
    thread.join()
    assert time.monotonic() - began < 60  # The second call's turn comes after 100 s.


@every_strategy_by_item
def test_progress_of_slow_runs(name, file, tmp_path):
    """A wait is no part of the call's time, and parts are written while most items still wait."""
    options = Options(
        workers=2, per_second=30, item_timeout_seconds=0.02 if name == "asyncio" else None
    )
    record = run(name, file, same, tmp_path / "out", options)
    assert record.items == 100
    if name != "asyncio":
        assert record.chunks > 1
        assert record.phases["wait"] > record.phases["call"]


def test_a_worker_that_waits_is_not_late(tmp_path):
    """The time limit of a call does not run while it waits for its turn."""
    file = write_items(tmp_path / "few.txt", 6)
    options = Options(workers=2, per_second=2, item_timeout_seconds=0.3)
    assert run("multiprocess", file, same, tmp_path / "out", options).failed == 0


def test_limits_do_not_change_results(file, tmp_path):
    """What was done under other limits is reused."""
    with pytest.raises(BudgetSpent):
        run("serial", file, same, tmp_path / "out", Options(budget_calls=50, retry_after=5))
    record = run("serial", file, same, tmp_path / "out", Options(per_second=1e6))
    assert record.reused_items == 50


@pytest.mark.parametrize(
    "wrong", [{"per_second": 0}, {"burst": 2}, {"budget_calls": 0}, {"budget_seconds": -1}, {"retry_after": -1}]
)  # fmt: skip
def test_wrong_limits(wrong):
    """Limits that cannot be meant are refused by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)
