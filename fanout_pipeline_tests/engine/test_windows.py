"""On Windows what works works, and the rest is refused with a sentence. Played by `like_windows`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fanout_pipeline
from fanout_pipeline_tests.engine import like_windows


@pytest.mark.slow
def test_windows_is_told_what_works_there(tmp_path):
    """All imports, calls in this process give their results, and all else says what does."""
    done = subprocess.run(
        [sys.executable, like_windows.__file__, tmp_path / "results"],
        cwd=Path(fanout_pipeline.__file__).parents[1],
        env={"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    public, results, refused = json.loads(done.stdout.splitlines()[-1])
    assert public == fanout_pipeline.__all__
    squares = [number**2 for number in range(100)]
    assert [name for name, found in results.items() if found != squares] == []
    for what, answers in refused.items():
        for kind, message in answers:
            assert kind == "NotOnWindows"
            assert message.startswith(f"{what} need Linux or macOS. On Windows fan_out works for ")
            assert "strategies serial, threads, asyncio and vectorized" in message
    assert list(tmp_path.iterdir()) == []
