"""Async functions: every strategy gives the same, and fails on the same item."""

from functools import partial

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_faults import interrupt
from fanout_pipeline_tests.contract.test_strategies import EACH_ONCE, assert_same_results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(60),
]
every_case = pytest.mark.parametrize(
    ("name", "method"), [case for case in EACH_ONCE if not STRATEGIES[case[0]].batch]
)


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


def write_items(path, count):
    path.write_text("".join(f"{1000 + index}\n" for index in range(count)))
    return path


def run(name, method, file, function, folder, chunks=4, concurrency=100):
    spec = FanoutSpec("work", IntegerLines(str(file)), function)
    options = Options(2, method, concurrency=concurrency)
    return run_strategy(STRATEGIES[name], spec, folder, options, chunks=chunks)


@pytest.mark.parametrize(
    "function",
    [functions.same_async, functions.Async(functions.same), partial(functions.plus, more=0)],
    ids=["async def", "async call", "partial"],
)
@every_case
def test_every_strategy_awaits(name, method, function, file, tmp_path):
    """An async function gives the same results under every strategy as a plain one in serial."""
    expected = run("serial", "none", file, functions.same, tmp_path / "serial")
    record = run(name, method, file, function, tmp_path / "results" / name)
    keeps_order = STRATEGIES[name].keeps_order
    assert_same_results(tmp_path / "results" / name, file, functions.same, keeps_order)
    if keeps_order:
        assert record.digest == expected.digest


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (functions.raises_on_guilty_async, "ZeroDivisionError: no such square today"),
        (functions.stops_on_guilty_async, "RuntimeError: coroutine raised StopIteration"),
        (functions.ends_iteration_on_guilty, "StopAsyncIteration"),
        (functions.raises_cancelled_on_guilty, "raised CancelledError, though"),
        (functions.cancels_itself_on_guilty, "raised CancelledError, though"),
    ],
)
@every_case
def test_whatever_is_raised_fails_the_item(name, method, function, told, file, tmp_path):
    """What an async function raises is told with its item, whatever it means to an event loop."""
    with pytest.raises(ItemFailed) as caught:
        run(name, method, file, function, tmp_path / "results" / name)
    first_line, _, rest = str(caught.value).partition("\n")
    assert f"item 60 (line 61 of {file}), 1060: " in first_line
    assert told in first_line
    assert "Traceback (most recent call last)" in rest
    assert f"in {function.__name__}\n" in rest
    assert not (tmp_path / "results" / name).exists()


@every_case
def test_interrupted_while_awaiting(name, method, tmp_path):
    """Ctrl-C ends a run that awaits, and with it all its calls, processes and threads."""
    mark = tmp_path / "called"
    thread = interrupt(mark.exists, delay=0.3)
    many = write_items(tmp_path / "many.txt", 100_000)
    with pytest.raises(KeyboardInterrupt):
        run(name, method, many, functions.AsyncSlow(mark), tmp_path / name, concurrency=10)
    thread.join()
