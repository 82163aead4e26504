"""A run of the tests that is red is so because of a change, and can be repeated."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import importlib
import os
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline_tests.chance import examples

# What other tests of the same process may have done before.
for name in os.environ["BEFORE"].split():
    importlib.import_module(name)
random.seed(os.environ["BEFORE"])


@given(st.lists(st.integers()), st.text(), st.sets(st.sampled_from(["a", "b", "c"])))
@settings(max_examples=examples(50))
def test_any(numbers, text, names):
    print("drawn", numbers, ascii(text), sorted(names))


@given(st.integers())
def test_falsified(number):
    assert number < 1000


def test_no_property():
    print("by none")
"""
BEFORE = "fanout_pipeline.results.files.atomic fanout_pipeline.sources fanout_pipeline_tests.measuring.trials.simulated"


@pytest.fixture
def outcome(tmp_path):
    """What pytest prints that runs TESTS as it runs those of this project."""
    file = tmp_path / "test_any.py"
    file.write_text(TESTS)
    as_here = ("-c", ROOT / "pyproject.toml", "-p", "fanout_pipeline_tests.conftest")
    command = [sys.executable, "-m", "pytest", "-qs", "-p", "no:cacheprovider", *as_here, file]

    def run(*options, before="", seed="0"):
        done = subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env=os.environ | {"BEFORE": before, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    return run


def drawn(output):
    return [line for line in output.splitlines() if line.startswith((".drawn", "drawn"))]


@pytest.mark.slow
def test_examples_are_the_same_each_time(outcome):
    """Whatever else the process has imported, and however its hashes are seeded."""
    first = outcome()
    assert drawn(outcome(before=BEFORE, seed="7")) == drawn(first)
    assert len(drawn(first)) == 25


@pytest.mark.slow
def test_faults_have_more_examples_and_others_each_time(outcome):
    """`make test-faults` runs properties only, tries more, and tells how to repeat what failed."""
    options = ("--hypothesis-profile=chance", "-m", "faults or hypothesis")
    first, again = (outcome(*options, "--hypothesis-seed=3") for _ in range(2))
    other = outcome(*options)
    assert len(drawn(first)) == len(drawn(other)) == 500
    assert drawn(first) == drawn(again) != drawn(other)
    assert "@reproduce_failure(" in first
    assert "by none" not in first
