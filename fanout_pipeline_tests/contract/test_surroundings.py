"""What a function sees beside its item is the same under every strategy."""

import decimal
import subprocess
import sys
import textwrap
import threading
import warnings
from contextvars import ContextVar

import numpy
import pytest

from fanout_pipeline import read_results
from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions import observing
from fanout_pipeline_tests.contract.runs import run

pytestmark = pytest.mark.usefixtures("leaves_nothing")
SET = ContextVar("SET", default="nothing")


@pytest.fixture
def surroundings():
    """Settings that are no defaults, for the test."""
    limit, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(2345)
    sys.set_int_max_str_digits(5432)
    context = decimal.Context(prec=5, rounding=decimal.ROUND_UP)
    with (
        decimal.localcontext(context),
        numpy.errstate(divide="raise", over="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.resetwarnings()
        warnings.filterwarnings("error", "odd .*", UserWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="fanout.*")
        yield
    sys.setrecursionlimit(limit)
    sys.set_int_max_str_digits(digits)


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
    both = threading.Barrier(2, timeout=10) if name != "asyncio" else None

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


def test_defaults_are_not_sent():
    """Where nothing was set nothing travels: a worker imports neither decimal nor NumPy for it."""
    code = """
        import decimal, numpy, pandas, pyarrow, pickle
        from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
        decimal.Decimal(1) / 3
        assert Surroundings.here() == DEFAULT, Surroundings.here()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=50)


@pytest.mark.parametrize(
    "how", ["pass", 'warnings.simplefilter("error")', 'warnings.filterwarnings("error", "odd")']
)
def test_filters_travel_where_they_differ(how):
    """Warnings that are errors, by `python -W error` or in the code, are told from what packages add."""
    code = f"""
        import numpy, warnings
        from fanout_pipeline.engine.system.surroundings import Surroundings
        {how}
        assert "error" in str(Surroundings.here().filters)
    """
    arguments = ["-Werror"] if how == "pass" else []
    command = [sys.executable, *arguments, "-c", textwrap.dedent(code)]
    subprocess.run(command, check=True, timeout=50)


def test_what_was_taken_on_is_what_was_there(surroundings):
    """Settings that are taken from a thread and taken on in another are the same there."""
    here = Surroundings.here()
    assert here != DEFAULT
    found = []

    def take_on():
        with warnings.catch_warnings():
            here.take_on()
            found.append((observing.what_it_sees(1), Surroundings.here().filters))

    thread = threading.Thread(target=take_on)
    thread.start()
    thread.join()
    assert found == [(observing.what_it_sees(1), here.filters)]
