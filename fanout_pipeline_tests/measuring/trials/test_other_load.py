"""What other programs take of the cores is told apart from what is measured."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from fanout_pipeline.measuring.trials.other_load import CpuTimes

BURN = "while True: pass"
ORPHAN = f"""
import subprocess, sys
null = subprocess.DEVNULL
burner = subprocess.Popen([sys.executable, "-c", {BURN!r}], stdout=null, stderr=null)
print(burner.pid, flush=True)
"""


def test_the_rest_is_others():
    """Of two cores, a second each: a half was ours, a quarter others', the rest idle."""
    before = CpuTimes(at=10.0, busy=100.0, own=5.0, cores=2)
    assert before.others_until(CpuTimes(11.0, 101.5, 6.0, 2)) == pytest.approx(0.25)
    assert before.others_until(CpuTimes(11.0, 101.0, 6.1, 2)) == 0
    assert before.others_until(CpuTimes(11.0, 109.0, 5.0, 2)) == 1
    assert before.others_until(before) == 0


def burned(pid):
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def burn_one_second(pid):
    """What others took while a process burned a second, and the least that this must be of the cores."""
    before, burned_before = CpuTimes.now(), burned(pid)
    while burned(pid) < burned_before + 1:
        time.sleep(0.2)
    after = CpuTimes.now()
    return before, after, 1 / ((after.at - before.at) * after.cores)


@pytest.mark.timeout(120)
def test_a_program_that_is_not_ours_counts_as_others():
    """A process that nobody here has started takes what it takes; a child of ours is ours."""
    made = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, check=True)
    pid = int(made.stdout)
    try:
        before, after, share = burn_one_second(pid)
        assert before.others_until(after) > 0.7 * min(1, share)
    finally:
        os.kill(pid, signal.SIGKILL)
    child = subprocess.Popen([sys.executable, "-c", BURN])
    try:
        before, after, _ = burn_one_second(child.pid)
        assert after.own - before.own > 0.7
    finally:
        child.kill()
        child.wait()
    assert CpuTimes.now().own > after.own - 0.1  # it was waited for
