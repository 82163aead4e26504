"""`fan_out` with worker processes wherever Python runs: typed in, in scripts, notebooks, threads, event loops."""

import os
import pty
import re
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from fanout_pipeline import fan_out
from fanout_pipeline_tests.end_to_end.project import CHECKOUT
from fanout_pipeline_tests.processes import GONE_SECONDS, lives

TYPED = """
from fanout_pipeline import fan_out, Options
def square(number):
    return number * number

results = fan_out(square, range(1000), strategy="multiprocess", options=Options(workers=2))
print("sum", sum(results), os.getpid() in results.record.worker_pids)
"""
SUM = f"sum {sum(n * n for n in range(1000))} False"
IN_A_THREAD = """
import threading
def called():
    print("sum", sum(fan_out(str.__len__, ["ab"] * 50, strategy="multiprocess")))
thread = threading.Thread(target=called)
thread.start()
thread.join()
"""
SLOW = """
import time
def slow(item):
    time.sleep(0.02)
    return item
fan_out(slow, range(60), strategy="multiprocess", options=Options(workers=2, chunks=30))
"""
IN_A_LOOP = """
import asyncio
async def fetched(item):
    await asyncio.sleep(0.001)
    return item + 1
async def main():
    for strategy in ("asyncio", "serial", "threads", "multiprocess"):
        print(strategy, sum(fan_out(fetched, range(100), strategy=strategy)))
"""


def typed(arguments, program=None):
    """What Python prints that is started so, and given the program as if it were typed in."""
    done = subprocess.run(
        [sys.executable, *arguments],
        input=program,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_typed_in():
    """In a REPL, and after `python -c`, the function is one that no file has."""
    program = "import os\n" + TYPED
    assert SUM in typed(["-i"], program)
    assert SUM in typed(["-c", program])


def test_a_script_and_what_it_starts(tmp_path):
    """A script needs no `if __name__ == "__main__"`; a thread of it, or a running event loop, may call as well."""
    script = tmp_path / "script.py"
    script.write_text("import os\n" + TYPED + IN_A_THREAD + IN_A_LOOP + "asyncio.run(main())")
    lines = typed([script]).splitlines()
    assert lines[:2] == [SUM, "sum 100"]
    assert lines[2:] == [f"{one} 5050" for one in ("asyncio", "serial", "threads", "multiprocess")]


def test_in_a_test():
    """Where pytest runs, as here."""
    assert list(fan_out(lambda item: item + 1, [1, 2], strategy="multiprocess")) == [2, 3]


def test_in_a_notebook(tmp_path, monkeypatch):
    """A function of a cell is sent to workers; there is a bar, and the results are shown."""
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cells = ["import os\n" + TYPED, SLOW, IN_A_LOOP + "await main()"]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources={}).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert SUM in outputs[0][0].text
    text = str(outputs[1])
    assert re.search(r"multiprocess: 100%\|█+\| 60 items", text), text
    assert "60 Results, multiprocess" in text
    assert "asyncio 5050" in str(outputs[2])


CTRL_C = """
import sys, time
from fanout_pipeline import fan_out, Options
def slow(item):
    time.sleep(0.05)
    return item
fan_out(slow, range(2000), folder={folder}, options=Options(strategy={strategy!r}, workers=2))
"""


@pytest.mark.parametrize(
    ("strategy", "folder"),
    [("serial", "kept"), ("threads", None), ("multiprocess", None), ("multiprocess", "kept")],
)
def test_ctrl_c(tmp_path, strategy, folder):
    """Typed on a terminal it ends a script at once, with all its processes, and says what is kept."""
    script = tmp_path / "script.py"
    folder = folder and str(tmp_path / folder)
    script.write_text(CTRL_C.format(folder=repr(folder), strategy=strategy))
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ["PYTHONPATH"] = str(CHECKOUT)
        os.execv(sys.executable, [sys.executable, str(script)])
    shown = b""
    while b"items/s" not in shown:
        shown += os.read(terminal, 1000)
    time.sleep(0.5)
    family = psutil.Process(pid).children(recursive=True)
    os.write(terminal, b"\x03")
    try:
        while read := os.read(terminal, 1000):
            shown += read
    except OSError:  # The terminal is closed.
        pass
    os.waitpid(pid, 0)
    psutil.wait_procs(family, timeout=GONE_SECONDS)
    assert not list(filter(lives, family))
    where = (
        "as the attribute `results`" if folder is None else f"in {folder}: the same call goes on"
    )
    assert re.search(rf"KeyboardInterrupt\s+[\d,]+ results are kept, {where}", shown.decode())
