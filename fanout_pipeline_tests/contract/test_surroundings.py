"""What a function sees beside its item is the same under every strategy."""

import decimal
import threading
from contextvars import ContextVar

import pytest

from fanout_pipeline import read_results
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions import observing
from fanout_pipeline_tests.contract.runs import run
from fanout_pipeline_tests.unusual_settings import unusual_settings

pytestmark = pytest.mark.usefixtures("leaves_nothing")
SET = ContextVar("SET", default="nothing")


@pytest.fixture
def surroundings():
    with unusual_settings():
        yield


def results(name, file, function, folder):
    run(name, file, function, folder / name)
    return read_results(folder / name)["result"].tolist()


@every_strategy
def test_settings_of_thread_and_process_are_the_same(name, file, tmp_path, surroundings):
    """Decimal's context, NumPy's errors, filters of warnings and limits are those where the run begins."""
    expected = observing.what_it_sees(1000)
    assert results(name, file, observing.what_it_sees, tmp_path) == [expected] * 100
    assert expected == (
        "third=0.33334 numpy=FloatingPointError odd=UserWarning even=None recursion=2345 digits=5432"
    )


@pytest.mark.parametrize("name", ["serial", "threads", "vectorized", "asyncio"])
def test_context_variables_are_the_same(name, file, tmp_path):
    """What was set where the run begins is seen by every call in the same process."""

    def function(number):
        return SET.get()

    token = SET.set("something")
    try:
        assert results(name, file, function, tmp_path) == ["something"] * 100
    finally:
        SET.reset(token)


@pytest.mark.parametrize("name", ["threads", "vectorized", "asyncio"])
def test_calls_beside_each_other_have_contexts_of_their_own(name, file, tmp_path):
    """A call that changes decimal's context changes it for no call beside it, nor for the run's thread."""
    both = threading.Barrier(2, timeout=60) if name != "asyncio" else None

    def function(number):
        before = decimal.getcontext().prec
        decimal.getcontext().prec = 7 if number % 2 else 9
        if both is not None and number in (1000, 1099):
            both.wait()
        return before

    with decimal.localcontext(decimal.Context(prec=5)):
        found = results(name, file, function, tmp_path)
        assert decimal.getcontext().prec == 5
    assert 5 in found
    assert set(found) <= {5, 7, 9}
