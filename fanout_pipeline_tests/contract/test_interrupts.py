"""Ctrl-C ends a run within seconds, and with it all its processes and threads."""

import psutil
import pytest

from fanout_pipeline_tests.contract.cases import RELIABLE
from fanout_pipeline_tests.contract.functions.marking import Slow
from fanout_pipeline_tests.contract.runs import run, write_items
from fanout_pipeline_tests.processes import interrupt, to_another_thread, to_the_process

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.mark.parametrize(
    ("name", "send"),
    [
        *((name, to_the_process) for name in RELIABLE),
        *((name, to_another_thread) for name in RELIABLE if name not in ("serial", "vectorized")),
    ],
)  # fmt: skip
def test_interrupted_in_the_middle(name, send, tmp_path, earlier):
    """Wherever the signal finds the main thread, at work or about to wait: not when a chunk of minutes is done."""
    long = write_items(tmp_path / "long.txt", 40_000)
    mark = tmp_path / "called"
    thread = interrupt(mark.exists, delay=0.1, send=send)
    with pytest.raises(KeyboardInterrupt):
        run(name, long, Slow(mark), earlier)
    thread.join()


@pytest.mark.parametrize("delay", [0, 0.02, 0.1])
def test_interrupted_while_workers_start(delay, tmp_path, earlier):
    """Ctrl-C before all workers have answered leaves no worker either."""
    long = write_items(tmp_path / "long.txt", 4000)
    present = set(psutil.Process().children(recursive=True))
    thread = interrupt(lambda: set(psutil.Process().children(recursive=True)) - present, delay)
    with pytest.raises(KeyboardInterrupt):
        run("multiprocess", long, Slow(tmp_path / "called"), earlier, workers=5)
    thread.join()
