"""Whatever a function raises is the failure of its item, under every strategy; only a signal ends a run."""

import os
import signal
from dataclasses import replace

import pytest

from fanout_pipeline import read_failures, read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline_tests.contract.cases import every_strategy, every_strategy_by_item
from fanout_pipeline_tests.contract.functions import adapters, marking, raising, raising_anything
from fanout_pipeline_tests.contract.runs import run as run_anyhow
from fanout_pipeline_tests.contract.runs import write_items
from fanout_pipeline_tests.processes import interrupt

QUARANTINE = FailurePolicy(on_error="quarantine")
KINDS = [name for name, _ in raising_anything.KINDS]
IN_A_COROUTINE = {"StopIteration": "RuntimeError", "CancelledError": "RuntimeError"}
"""What Python, or an event loop, makes of some."""

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def run(name, file, function, folder, policy=QUARANTINE):
    return run_anyhow(name, file, function, folder, failures=policy)


def assert_each_failed(folder, record, kinds):
    """The first items have failed, each of its kind; all others have their results."""
    failures = read_failures(folder)
    assert failures["error_type"].tolist() == kinds
    assert failures["index"].tolist() == list(range(len(kinds)))
    assert all("Traceback (most recent call last)" in told for told in failures["traceback"])
    assert (record.items, record.failed) == (100, len(kinds))
    good = sorted(read_results(folder)["result"].dropna())
    assert good == list(range(1000 + len(kinds), 1100))


@every_strategy
def test_every_kind_fails_its_item(name, file, tmp_path, capfd):
    """sys.exit(), Ctrl-C's exception, the end of an iteration, …: each is listed with its item."""
    record = run(name, file, raising_anything.raises_of_every_kind, tmp_path / name)
    awaited = STRATEGIES[name].awaits
    kinds = [IN_A_COROUTINE.get(kind, kind) if awaited else kind for kind in KINDS]
    assert_each_failed(tmp_path / name, record, kinds)
    messages = read_failures(tmp_path / name)["message"]
    assert messages.tolist()[:3] == ["2", "a bad line", ""]


@pytest.mark.parametrize("function", ["call", "task"])
@every_strategy_by_item
def test_every_kind_fails_its_item_where_it_is_awaited(name, function, file, tmp_path):
    """The same of async functions, and of tasks that these begin, which end no event loop."""
    if function == "call":
        record = run(
            name, file, adapters.Async(raising_anything.raises_of_every_kind), tmp_path / name
        )
    else:
        record = run(name, file, raising_anything.raises_of_every_kind_in_a_task, tmp_path / name)
    kinds = [IN_A_COROUTINE.get(kind, kind) for kind in KINDS]
    assert_each_failed(tmp_path / name, record, kinds)


@every_strategy
def test_an_exit_ends_the_run_with_its_item(name, file, tmp_path):
    """Where a failed item ends the run, sys.exit() does so by its item, and nobody exits."""
    function = raising.exits_on_guilty
    with pytest.raises(ItemFailed, match=r"item 60 \(line 61 .*, 1060: SystemExit: 2\n") as caught:
        run(name, file, function, tmp_path / name, FailurePolicy())
    assert "in exits_on_guilty\n" in str(caught.value)


@every_strategy
def test_an_exit_can_be_worth_a_retry(name, file, tmp_path):
    """`retry_on` names what is no Exception, too; the default does not mean it."""
    (tmp_path / "calls").mkdir()
    function = marking.FailsAtFirst(tmp_path / "calls", times=2, error=SystemExit)
    policy = replace(QUARANTINE, retries=2, backoff_seconds=0.001)
    if not STRATEGIES[name].batch:  # whose halves are tries, too
        failed = run(name, file, function, tmp_path / name, policy).failed
        assert failed == 10
        for path in (tmp_path / "calls").iterdir():
            path.unlink()
    policy = replace(policy, retry_on=("SystemExit",))
    assert run(name, file, function, tmp_path / name, policy).failed == 0


class Interrupt(BaseException):
    """As Dagster's handler of signals raises one of its own."""


def raise_interrupt(number, frame):
    raise Interrupt


@pytest.mark.parametrize("raises", ["KeyboardInterrupt", "Interrupt", "SystemExit"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["as it is", "wrapped"])
def test_a_signal_ends_the_run_all_the_same(raises, wrapped, file, tmp_path):
    """What a signal's handler raises in the middle of a call is no failure of its item.

    Not even where the function raises something else in its place.
    """
    handlers = {
        "KeyboardInterrupt": (signal.default_int_handler, KeyboardInterrupt),
        "Interrupt": (raise_interrupt, Interrupt),
        "SystemExit": (lambda number, frame: os.sys.exit(3), SystemExit),
    }
    handler, error = handlers[raises]
    mark = tmp_path / "called"
    slow = marking.Slow(mark)

    def function(number):
        try:
            return slow(number)
        except BaseException as error:
            if wrapped:
                raise ValueError("the call was disturbed") from error
            raise

    previous = signal.signal(signal.SIGINT, handler)
    try:
        thread = interrupt(mark.exists, delay=0.1)
        with pytest.raises(error):
            run("serial", write_items(file, 5000), function, tmp_path / "serial")
        thread.join()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, previous)
    assert not (tmp_path / "serial").exists()


def test_handlers_stay_as_the_function_has_set_them(file, tmp_path):
    """A handler that the function sets is there after the run."""

    def function(number):
        signal.signal(signal.SIGUSR2, raise_interrupt)
        return number

    try:
        run("serial", file, function, tmp_path / "serial")
        assert signal.getsignal(signal.SIGUSR2) is raise_interrupt
    finally:
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
