"""A trial's run of Dagster that takes too long is ended."""

import subprocess
import sys

import pytest

from fanout_pipeline.defs.trial_runs.run_process import killed_after
from fanout_pipeline.measuring.trials.time_limit import TookTooLong

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing"), pytest.mark.timeout(60)]


def sleeping(seconds):
    program = f"import subprocess, sys; subprocess.run(['sleep', '{seconds}'])"
    return subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


def test_a_run_that_hangs_is_killed_with_all_its_processes():
    """The trial ends soon after its limit, and nothing of the run is left."""
    process = sleeping(60)
    with pytest.raises(TookTooLong, match="after 1 s"), killed_after(1.0, process):
        process.wait()


def test_a_run_that_ends_in_time_is_left_alone():
    """The watchdog ends with the run, and kills nothing afterwards."""
    process = sleeping(0)
    with killed_after(50.0, process):
        process.wait()
    assert process.returncode == 0
