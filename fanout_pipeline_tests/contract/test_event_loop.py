"""One event loop a process: what an async function makes at its first call serves all later ones."""

import asyncio
import os
import socketserver
import subprocess
import sys
import textwrap
import threading
from functools import partial

import pytest

from fanout_pipeline.engine.calls import event_loop, loop_thread
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_async_functions import every_case, run, write_items
from fanout_pipeline_tests.contract.test_faults import ROOT, interrupt
from fanout_pipeline_tests.contract.test_strategies import WITHOUT_PROCESSES, assert_same_results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(60),
]
IN_PROCESS = [name for name in WITHOUT_PROCESSES if not STRATEGIES[name].batch]


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        for line in self.rfile:
            self.wfile.write(line)


@pytest.fixture
def server():
    """A server that sends back every line, and counts its connections."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.connections = 0
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asks(server):
    return partial(functions.ask_server, port=server.server_address[1])


@every_case
def test_a_client_is_kept(name, method, file, server, tmp_path):
    """A connection that is opened at a worker's first call serves all its calls, in every chunk."""
    run(name, method, file, asks(server), tmp_path / name, chunks=10)
    assert_same_results(tmp_path / name, file, functions.same, STRATEGIES[name].keeps_order)
    assert 1 <= server.connections <= (1 if name in IN_PROCESS else 2)
    if name in IN_PROCESS:
        hang_up(server)


def hang_up(server):
    with event_loop.served() as loop:
        loop.submit(functions.hang_up(server.server_address[1])).wait()


def test_a_client_is_kept_from_run_to_run(file, server, tmp_path):
    """All runs in one process, by whatever strategy, have the same connection, as in a comparison."""
    for number, name in enumerate(2 * IN_PROCESS):
        run(name, "none", file, asks(server), tmp_path / f"{number}", chunks=10)
        assert_same_results(tmp_path / f"{number}", file, functions.same, keeps_order=True)
    assert server.connections == 1
    hang_up(server)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_thread_whose_own_event_loop_runs_can_start_a_run(name, file, tmp_path):
    """As in a notebook, where the caller's loop is running."""

    async def cell():
        run(name, "none", file, functions.same_async, tmp_path / name)

    asyncio.run(cell())
    assert_same_results(tmp_path / name, file, functions.same, keeps_order=True)


@pytest.mark.parametrize("name", IN_PROCESS)
@pytest.mark.parametrize(
    "function", [functions.hangs_on_guilty, functions.blocks, functions.minds_no_cancelling]
)
def test_whatever_a_call_does_it_can_be_interrupted(name, function, file, tmp_path, monkeypatch):
    """Ctrl-C ends a run whose call waits, computes, or minds no cancelling; the next run has a loop."""
    monkeypatch.setattr(loop_thread, "_PATIENCE_SECONDS", 1.0)
    thread = interrupt(lambda: True, delay=0.7)
    with pytest.raises(KeyboardInterrupt):
        run(name, "none", file, function, tmp_path / name)
    thread.join()
    run(name, "none", file, functions.same_async, tmp_path / name)
    assert_same_results(tmp_path / name, file, functions.same, keeps_order=True)


def test_the_loop_may_be_stopped_by_a_call(file, tmp_path):
    """A call that stops its event loop, or whose tasks exit, keeps no other from its result."""

    async def function(number):
        asyncio.get_running_loop().stop()
        asyncio.get_running_loop().call_soon(sys.exit)
        return await functions.same_async(number)

    for name in IN_PROCESS:
        run(name, "none", file, function, tmp_path / name)
        assert_same_results(tmp_path / name, file, functions.same, keeps_order=True)


CLEANS_UP = """
    import asyncio, sys
    from pathlib import Path
    from fanout_pipeline_tests.contract import test_async_functions

    async def generate():
        try:
            yield 1
            yield 2
        finally:
            Path(f"generator {number_of_process()}").touch()

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            Path(f"task {number_of_process()}").touch()

    def number_of_process():
        import os
        return os.getpid()

    kept = []

    async def function(number):
        if not kept:
            kept.append(generate())
            await anext(kept[0])
            kept.append(asyncio.create_task(wait()))
            await asyncio.sleep(0)
            asyncio.get_running_loop().run_in_executor(None, print)
        return number

    if __name__ == "__main__":
        name, method, file, folder = sys.argv[1:]
        test_async_functions.run(name, method, Path(file), function, Path(folder))
"""


@every_case
def test_the_loop_is_closed_in_order(name, method, file, tmp_path):
    """At a worker's end tasks are cancelled and generators closed, without a word."""
    (tmp_path / "cleans_up.py").write_text(textwrap.dedent(CLEANS_UP))
    done = subprocess.run(
        [sys.executable, "cleans_up.py", name, method, str(file), str(tmp_path / "out")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "always"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    tasks, generators = (
        {path.name.split()[1] for path in tmp_path.glob(f"{kind} *")}
        for kind in ("task", "generator")
    )
    assert tasks == generators
    assert 1 <= len(tasks) <= (1 if name in IN_PROCESS else 2)
