"""A function is called as it is or awaited, and nothing that ends a call is lost in an event loop."""

import asyncio
import functools

import pytest

from fanout_pipeline import Options
from fanout_pipeline.engine.calls import event_loop
from fanout_pipeline.engine.calls.invoke import appending, awaited_aside, calling, is_async
from fanout_pipeline_tests.contract.functions import GUILTY, adapters, awaiting, raising, returning


async def loop_of(number):
    return asyncio.get_running_loop()


@pytest.mark.parametrize(
    "function",
    [
        awaiting.same_async,
        adapters.Async(returning.same),
        functools.partial(awaiting.plus, more=1),
        functools.partial(functools.partial(awaiting.plus), more=1),
        functools.partial(adapters.Async(returning.same)),
        awaiting.AsyncSlow("mark").__call__,
    ],
)
def test_what_must_be_awaited_is_async(function):
    """`async def` functions and methods, partials of them, objects called by one count as async."""
    assert is_async(function)


@pytest.mark.parametrize(
    "function",
    [returning.same, abs, int, adapters.Async, functools.partial(pow, 2), adapters.Batch(abs)],
)
def test_what_can_be_called_is_plain(function):
    """Functions, built-ins, classes and callable objects are plain."""
    assert not is_async(function)


@pytest.mark.parametrize(
    ("raises", "error"), [(raising.raises_on_guilty, ZeroDivisionError), (
        awaiting.raises_on_guilty_async, ZeroDivisionError), (
        awaiting.raises_cancelled_on_guilty, RuntimeError)],
)  # fmt: skip
def test_results_end_before_the_guilty_item(raises, error):
    """What was called before the one that raised is there, plain or async."""
    results = []
    with appending(raises) as append:
        append(results, [1, 2])
        with pytest.raises(error):
            append(results, [3, GUILTY, 4])
    assert results == [1, 2, 3]


def test_one_event_loop_for_all_calls():
    """All calls are awaited in one event loop, so that they can share what is bound to it."""
    results = []
    with appending(loop_of) as append:
        append(results, [1, 2])
        append(results, [3])
    with calling(loop_of) as call:
        results += [call(1), call(2)]
    with awaited_aside(loop_of), calling(loop_of) as call:
        results += [call(1), call(2)]
    (loop,) = set(results)
    assert not loop.is_closed()
    event_loop.close()
    assert loop.is_closed()


def test_the_threads_own_event_loop_is_left_alone():
    """Whoever has set an event loop for the thread finds it there afterwards."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with calling(awaiting.same_async) as call:
            assert call(5) == 5
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_no_concurrency_is_refused():
    """At least one call must be in flight."""
    with pytest.raises(ValueError, match="concurrency must be at least 1, not 0"):
        Options(workers=2, start_method="spawn", concurrency=0)
