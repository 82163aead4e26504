"""One lab measures at a time in a data root, and who waits is told for whom."""

import os
import subprocess
import sys
import threading

import pytest

from fanout_pipeline.defs.lab.turn import LOCK, own_turn

HOLD = """
import sys
from pathlib import Path
from fanout_pipeline.defs.lab.turn import own_turn
with own_turn(Path(sys.argv[1]), "scored_lab/trials", "run-1", print):
    print("measuring", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that measures until its input ends, or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "measuring\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["ends", "is killed"])
def test_the_second_waits_for_the_first(tmp_path, holder, way):
    """It says for which run, in which process; and goes on however that one ends."""
    told, waiting, order = [], threading.Event(), []

    def log(line):
        told.append(line)
        waiting.set()

    def second():
        with own_turn(tmp_path, "other_lab/trials", "run-2", log):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(60)
    assert order == []
    assert "Waiting for scored_lab/trials (run run-1, process" in told[0]
    assert str(holder.pid) in told[0]
    if way == "ends":
        holder.stdin.close()
    else:
        holder.kill()
    holder.wait()
    thread.join(60)
    assert (order, told[1:]) == (["second"], ["It has ended: measuring begins."])
    assert list(tmp_path.iterdir()) == []


def test_who_need_not_wait_is_told_nothing(tmp_path):
    """And nothing is left behind; other data roots have turns of their own."""
    told = []
    with own_turn(tmp_path / "one", "a/trials", "1", told.append):
        assert str(os.getpid()) in (tmp_path / "one" / LOCK).read_text()
        with own_turn(tmp_path / "other", "b/trials", "2", told.append):
            pass
    assert told == []
    assert list((tmp_path / "one").iterdir()) == []
