"""What the executor uses of Dagster that is not public is there, or whoever uses it reads what to do."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest

from fanout_pipeline.executor import preloaded_multiprocess_executor
from fanout_pipeline.executor.dagster_internals import (
    NEWEST,
    OLDEST,
    LocalComputeLogManager,
    StepDelegatingExecutor,
)
from fanout_pipeline.executor.forked_executor import ForkedStepsExecutor
from fanout_pipeline.executor.step_logs import ThreadedLogs

PROJECT = Path(__file__).parents[2]
MOVED = """
import sys
sys.modules["dagster._core.executor.step_delegating"] = None  # as if Dagster had moved it
import fanout_pipeline.executor.dagster_internals
"""


def test_a_dagster_without_them_is_refused_with_what_to_do():
    """The definitions still load; a run names the versions that the executor was made for."""
    done = subprocess.run(
        [sys.executable, "-c", MOVED], capture_output=True, text=True, check=False, timeout=60
    )
    last_line = done.stderr.splitlines()[-1]
    assert "UnsupportedDagster: preloaded_multiprocess_executor builds on internals" in last_line
    assert "Dagster 1.12.0 to 1.13" in last_line
    assert f"Dagster {dg.__version__} has changed one of them: " in last_line
    assert "dagster._core.executor.step_delegating" in last_line
    assert "use dagster.multiprocess_executor in its place" in last_line


@pytest.mark.parametrize(
    ("ours", "theirs", "method"),
    [
        (ForkedStepsExecutor, StepDelegatingExecutor, "_pop_events"),
        (ForkedStepsExecutor, StepDelegatingExecutor, "execute"),
        (ThreadedLogs, LocalComputeLogManager, "capture_logs"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_overridden_methods_have_the_parameters_of_dagsters(ours, theirs, method):
    """An upgrade of Dagster that changes a method which is overridden here is noticed."""
    overridden, original = (inspect.signature(getattr(c, method)) for c in (ours, theirs))
    assert list(overridden.parameters) == list(original.parameters)


def test_dagsters_executor_still_asks_for_events_as_overridden():
    """The overridden method is called, and the limit that it compares with is there."""
    assert "_pop_events_limit" in inspect.getsource(StepDelegatingExecutor)
    assert "self._pop_events(" in inspect.getsource(StepDelegatingExecutor.execute)


def test_the_executor_needs_a_persistent_instance_like_dagsters_own():
    """It declares the same requirements as Dagster's multiprocess executor, checked before a run."""
    ours, theirs = preloaded_multiprocess_executor(), dg.multiprocess_executor
    assert ours.get_requirements({}) == theirs.get_requirements({"start_method": {"spawn": {}}})


def test_the_versions_named_are_those_that_are_tried():
    """The oldest is what pyproject.toml allows and `make test-versions` installs, the newest is locked."""
    allowed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"dagster >={OLDEST.removesuffix('.0')},<2" in allowed
    assert f":= dagster=={OLDEST} " in (PROJECT / "Makefile").read_text()
    assert f"\ndagster=={NEWEST} " in (PROJECT / "requirements" / "run.txt").read_text()
