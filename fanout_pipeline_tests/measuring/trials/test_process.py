"""Trials run in a process of their own, which is ended when a strategy hangs in it."""

import contextlib
import os
import re
import shutil
import sqlite3
from dataclasses import replace
from functools import partial

import psutil
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.model.errors import ItemFailed, WorkerDied
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.measuring.trials import time_limit
from fanout_pipeline.measuring.trials.contenders import StrategyContender
from fanout_pipeline.measuring.trials.process import RunRequest, trial_process
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.time_limit import TookTooLong
from fanout_pipeline.measuring.trials.trial import TrialOptions
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.functions import dying, marking, raising, returning
from fanout_pipeline_tests.contract.runs import write_items
from fanout_pipeline_tests.processes import GONE_SECONDS, interrupt, lives, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


def spec_of(file, function):
    return FanoutSpec("numbers", IntegerLines(str(file)), function)


def run(process, name, spec, folder, limit_seconds=None):
    options = Options(workers=2)
    strategy = STRATEGIES[name]
    return process.run(RunRequest(strategy, spec, folder / name, options), limit_seconds)


class Unlimited(StrategyContender):
    """One that does not hang, on however busy a machine."""

    def run(self, again, limit_seconds=None):
        return super().run(again)


def test_each_session_has_a_process_of_its_own(file, tmp_path):
    """What a process has by chance, such as where its memory lies, is another thing in each session."""
    spec, pids = spec_of(file, returning.same), []
    others = {child.pid for child in psutil.Process().children()}

    def end():
        pids.append({child.pid for child in psutil.Process().children()} - others)
        process.finish()

    with trial_process() as process:
        serial = Unlimited(STRATEGIES["serial"], spec, tmp_path / "ways", Options(), runner=process)
        options = TrialOptions(rounds=3, budget_seconds=600, sessions=3)
        found = run_trials(serial, [], options, new_session=end)
        end()
    assert [trial.session for trial in found.trials if not trial.warm_up] == [1, 1, 2, 2, 3, 3]
    assert len(pids) == len(set.union(*pids)) == 3


@pytest.mark.parametrize("how", ["waits", "computes"])
def test_a_comparison_goes_on_without_what_hangs(how, file, tmp_path, monkeypatch):
    """A strategy whose threads can be ended by nothing in their process is named, the others are measured."""
    monkeypatch.setattr(time_limit, "MIN_SECONDS_UNKNOWN", 3.0)
    spec = spec_of(file, partial(dying.hangs_beside_the_main_thread, how=how))
    options = Options(workers=2, start_method="spawn")
    with trial_process() as process:
        serial, *others = (
            kind(STRATEGIES[name], spec, tmp_path / "ways", options, runner=process)
            for name, kind in [
                ("serial", Unlimited),
                ("threads", StrategyContender),
                ("multiprocess", Unlimited),
            ]
        )
        found = run_trials(serial, others, TrialOptions(rounds=3, budget_seconds=60))
    shutil.rmtree(tmp_path / "ways" / "_runs" / "threads")
    assert list(found.failures) == ["threads"]
    assert re.match(
        r"TookTooLong: it was ended because it had not finished after \d+ s",
        found.failures["threads"],
    )
    assert found.rounds == 3
    assert 3 in [trial.round for trial in found.trials if trial.strategy == "multiprocess"]
    assert all(trial.correct for trial in found.trials)


def test_what_is_kept_between_runs_is_there_in_the_next(file, tmp_path):
    """All runs are one process's: it imports once, and a function keeps what it has made."""
    with trial_process() as process:
        for _ in range(2):
            run(process, "serial", spec_of(file, returning.counts_its_calls), tmp_path)
    assert_same_results(tmp_path / "serial", file, lambda item: item - 1000 + 101, True)


def test_what_a_run_raises_is_raised(file, tmp_path):
    """An item that failed, or a function that ends the process, is an error of that run alone."""
    with trial_process() as process:
        with pytest.raises(ItemFailed, match=r"item 60 .* no such square today"):
            run(process, "serial", spec_of(file, raising.raises_on_guilty), tmp_path)
        with pytest.raises(WorkerDied, match=r"process of the trials .*3"):
            run(process, "serial", spec_of(file, dying.exits_without_a_word), tmp_path)
        run(process, "serial", spec_of(file, returning.same), tmp_path)
    assert_same_results(tmp_path / "serial", file, returning.same, keeps_order=True)


def test_a_function_that_cannot_be_sent_is_run_here_and_it_is_said(file, tmp_path):
    """Strategies without processes take functions that cannot be sent; the report says where they ran."""
    database = sqlite3.connect(":memory:", check_same_thread=False)

    def function(number):
        database.execute("SELECT 1")
        return os.getpid()

    spec = spec_of(file, function)
    options = Options(workers=1)
    with contextlib.closing(database), trial_process() as process:
        serial = StrategyContender(STRATEGIES["serial"], spec, tmp_path, options, runner=process)
        found = run_trials(serial, [], TrialOptions(rounds=1))
    (remark,) = found.remarks
    assert remark.startswith("Strategies ran in the step's process, where a hung trial")
    assert "cannot be sent to worker processes" in remark
    assert_same_results(tmp_path / "serial", file, lambda item: os.getpid(), keeps_order=True)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("serial", "limit"),
        ("multiprocess", "limit"),
        ("queue", "limit"),
        ("threads", "interrupt"),
        ("pool_map", "interrupt"),
    ],
)
def test_nothing_is_left_of_a_run_that_is_ended(how, name, file, tmp_path):
    """When its time is over, or at Ctrl-C, a run ends with all its processes."""
    mark = tmp_path / "called"
    spec = spec_of(write_items(file, 8000), marking.Slow(mark))
    before, family = set(psutil.Process().children(recursive=True)), []

    def begun():
        if mark.exists():
            family.extend(set(psutil.Process().children(recursive=True)) - before)
        return mark.exists()

    thread = interrupt(begun, delay=0.2) if how == "interrupt" else None
    with (
        pytest.raises(KeyboardInterrupt if thread else TookTooLong),
        trial_process() as process,
    ):
        run(process, name, spec, tmp_path, limit_seconds=None if thread else 1.5)
    if thread:
        thread.join()
        until(lambda: not any(map(lives, family)), GONE_SECONDS)
    # What it had begun to write is removed by the next run into the same folder.
    run_here = replace(spec, function=returning.same)
    with trial_process() as process:
        run(process, name, run_here, tmp_path)
