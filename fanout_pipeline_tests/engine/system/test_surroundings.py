"""What a call sees of the thread and the process that begin a run, taken from there and taken on elsewhere."""

import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
from fanout_pipeline_tests.contract.functions import observing
from fanout_pipeline_tests.unusual_settings import unusual_settings


@pytest.fixture
def surroundings():
    with unusual_settings():
        yield


@pytest.mark.slow
def test_defaults_are_not_sent():
    """Where nothing was set nothing travels: a worker imports neither decimal nor NumPy for it."""
    code = """
        import decimal, numpy, pandas, pyarrow, pickle
        from fanout_pipeline.engine.system.surroundings import DEFAULT, Surroundings
        decimal.Decimal(1) / 3
        assert Surroundings.current() == DEFAULT, Surroundings.current()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["pass", 'warnings.simplefilter("error")', 'warnings.filterwarnings("error", "odd")']
)
def test_filters_travel_where_they_differ(how):
    """Warnings that are errors, by `python -W error` or in the code, are told from what packages add."""
    code = f"""
        import numpy, warnings
        from fanout_pipeline.engine.system.surroundings import Surroundings
        {how}
        assert "error" in str(Surroundings.current().filters)
    """
    arguments = ["-Werror"] if how == "pass" else []
    command = [sys.executable, *arguments, "-c", textwrap.dedent(code)]
    subprocess.run(command, check=True, timeout=120)


def test_settings_that_are_applied_are_those_that_were_read(surroundings):
    """Settings that are read in one thread and applied in another are the same tcurrent."""
    current = Surroundings.current()
    assert current != DEFAULT
    found = []

    def apply():
        with warnings.catch_warnings():
            current.apply()
            found.append((observing.what_it_sees(1), Surroundings.current().filters))

    thread = threading.Thread(target=apply)
    thread.start()
    thread.join()
    assert found == [(observing.what_it_sees(1), current.filters)]
