"""Async functions: every strategy gives the same, and fails on the same item."""

from functools import partial

import pytest

from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline_tests.contract.cases import every_strategy_by_item
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.functions import adapters, awaiting, returning
from fanout_pipeline_tests.contract.runs import run, write_items
from fanout_pipeline_tests.processes import interrupt

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.mark.parametrize(
    "function",
    [awaiting.same_async, adapters.Async(returning.same), partial(awaiting.plus, more=0)],
    ids=["async def", "async call", "partial"],
)
@every_strategy_by_item
def test_every_strategy_awaits(name, function, file, tmp_path):
    """An async function gives the same results under every strategy as a plain one in serial."""
    expected = run("serial", file, returning.same, tmp_path / "serial")
    record = run(name, file, function, tmp_path / "results" / name)
    assert_same_results(tmp_path / "results" / name, file, returning.same)
    assert record.digest == expected.digest


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (awaiting.raises_on_guilty_async, "ZeroDivisionError: no such square today"),
        (awaiting.stops_on_guilty_async, "RuntimeError: coroutine raised StopIteration"),
        (awaiting.ends_iteration_on_guilty, "StopAsyncIteration"),
        (awaiting.raises_cancelled_on_guilty, "raised CancelledError, though"),
        (awaiting.cancels_itself_on_guilty, "raised CancelledError, though"),
    ],
)
@every_strategy_by_item
def test_whatever_is_raised_fails_the_item(name, function, told, file, tmp_path):
    """What an async function raises is told with its item, whatever it means to an event loop."""
    with pytest.raises(ItemFailed) as caught:
        run(name, file, function, tmp_path / "results" / name)
    first_line, _, rest = str(caught.value).partition("\n")
    assert f"item 60 (line 61 of {file}), 1060: " in first_line
    assert told in first_line
    assert "Traceback (most recent call last)" in rest
    assert f"in {function.__name__}\n" in rest
    assert not (tmp_path / "results" / name).exists()


@every_strategy_by_item
def test_interrupted_while_awaiting(name, tmp_path):
    """Ctrl-C ends a run that awaits, and with it all its calls, processes and threads."""
    mark = tmp_path / "called"
    thread = interrupt(mark.exists, delay=0.3)
    many = write_items(tmp_path / "many.txt", 100_000)
    with pytest.raises(KeyboardInterrupt):
        run(name, many, awaiting.AsyncSlow(mark), tmp_path / name, concurrency=10)
    thread.join()
