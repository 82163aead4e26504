"""Tests that fail among many and pass alone are named, and those that fail alone are failures."""

import json

import pytest

from fanout_pipeline_tests import again

pytestmark = pytest.mark.slow

TESTS = """
from pathlib import Path

def test_fails_once():
    mark = Path("mark")
    met, _ = mark.exists(), mark.touch()
    assert met

def test_fails():
    assert False
"""


@pytest.mark.parametrize(
    ("failed", "status", "expected"),
    [
        (["test_it.py::test_fails_once"], 1, 0),
        (["test_it.py::test_fails_once", "test_it.py::test_fails"], 1, 1),
        (["test_it.py::test_fails_once"], 2, 2),
        ([f"test_it.py::test_{number}" for number in range(4)], 1, 1),
    ],
)
def test_which_runs_have_passed(tmp_path, monkeypatch, capfd, failed, status, expected):
    """Few that pass three times alone are no failure; many, or a run that was broken off, are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "mark").touch()
    again.LAST_FAILED.parent.mkdir(parents=True)
    again.LAST_FAILED.write_text(json.dumps(dict.fromkeys(failed, True)))
    assert again.main(status) == expected
    assert ("UNSTEADY" in capfd.readouterr().out) == (expected == 0)
