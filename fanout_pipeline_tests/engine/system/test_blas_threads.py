"""Linear algebra has as many threads in this process, where that is asked for, as in workers."""

import os

import numpy
import pytest
from threadpoolctl import ThreadpoolController

from fanout_pipeline.engine.system.blas_threads import (
    as_in_workers,
    thread_variables,
    worker_environment,
)

VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def nothing_set(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def threads():
    """Of NumPy's OpenBLAS; empty where it has another library."""
    assert numpy.dot([1.0], [1.0]) == 1.0
    found = ThreadpoolController().select(internal_api="openblas").info()
    return [library["num_threads"] for library in found]


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({}, {"OPENBLAS_NUM_THREADS": "1"}),
        ({"OPENBLAS_NUM_THREADS": "4"}, {}),
        ({"OMP_NUM_THREADS": "4"}, {}),
        ({"GOTO_NUM_THREADS": "4"}, {}),
        ({"MKL_NUM_THREADS": "4"}, {"OPENBLAS_NUM_THREADS": "1"}),
        # What OpenBLAS passes over.
        ({"OPENBLAS_NUM_THREADS": "0", "OMP_NUM_THREADS": "2"}, {}),
        ({"OPENBLAS_NUM_THREADS": ""}, {"OPENBLAS_NUM_THREADS": "1"}),
        ({"OMP_NUM_THREADS": "many"}, {"OPENBLAS_NUM_THREADS": "1"}),
    ],
)
def test_workers_have_one_thread_unless_the_user_says_otherwise(given, added):
    """A number that the user has set is left alone, whichever variable of OpenBLAS's it is in."""
    given = given | {"PATH": "/bin"}
    assert worker_environment(given) == given | added
    assert "PATH" not in thread_variables(given)
    assert thread_variables(given).keys() >= added.keys()


def test_this_process_is_as_workers_are_for_a_block(nothing_set):
    """What is loaded has one thread, what is started or loaded meanwhile, too; then all is as before."""
    before = threads()
    with as_in_workers():
        assert set(threads()) <= {1}
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert threads() == before
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_the_users_number_holds_in_this_process_too(nothing_set, monkeypatch):
    """Who sets a number after NumPy was loaded gets it wherever results are compared."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with as_in_workers():
        assert set(threads()) <= {1}
        assert "OPENBLAS_NUM_THREADS" not in os.environ
