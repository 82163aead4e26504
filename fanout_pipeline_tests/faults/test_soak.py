"""A process that materializes for days holds no more at the end than after its first hour."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_pipeline_tests.faults.rounds import FULL, ROUNDS

CHECKOUT = Path(__file__).parents[2]
TIMES = 200 if FULL else 12
WARM = TIMES // 3
GROWTH = 1.1 if FULL else 1.25
"""RSS at the end, beside that after a third: allocators keep a little of what they had."""


@pytest.mark.timeout(3600)
def test_two_hundred_materializations_in_one_process(tmp_path):
    """No descriptor, thread, process, shared memory or file is left over, and memory does not grow."""
    temporary = tmp_path / "t"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "fanout_pipeline_tests.faults.soak", str(TIMES), str(tmp_path)],
        cwd=CHECKOUT,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    held = list(map(json.loads, done.stdout.splitlines()))
    assert len(held) == TIMES
    later = held[WARM:]
    rss = [one.pop("rss") for one in later]
    assert later == [later[0]] * len(later)
    few = len(rss) // 4
    assert max(rss[-few:]) < GROWTH * max(rss[:few])


if FULL:  # In short it is shown by test_kill_runs, of a killed run and the one after it.

    @pytest.mark.timeout(3600)
    def test_runs_in_processes_of_their_own(tmp_path):
        """A hundred runs one after the other leave the files of one, and no process."""
        from fanout_pipeline_tests.end_to_end.project import Project

        project = Project.new(tmp_path / "project")
        temporary = tmp_path / "t"
        temporary.mkdir()
        config = {"ops": {"numbers_file": {"config": {"count": 2000}}}}
        keys = ("numbers_file", "squares/multiprocess")
        files = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(temporary))
            for _ in range(ROUNDS):
                code, output = project.materialize(*keys, config=config)
                assert code == 0, output
                files.append(
                    sorted(path.name for path in project.data.rglob("*") if path.is_file())
                )
                assert project.processes() == set()
        assert files == [files[0]] * len(files)
        assert list(temporary.iterdir()) == []
