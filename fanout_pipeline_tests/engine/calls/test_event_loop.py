"""One event loop a process: what an async function makes at its first call serves all later ones."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from functools import partial
from pathlib import Path

import pytest

from fanout_pipeline.engine.calls import event_loop, loop_thread
from fanout_pipeline_tests.contract.cases import BY_ITEM, IN_PROCESS, every_strategy_by_item
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.echo_server import echo_server
from fanout_pipeline_tests.contract.functions import GUILTY, awaiting, returning
from fanout_pipeline_tests.contract.runs import run, write_items
from fanout_pipeline_tests.processes import interrupt

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(180),
]
AWAITS_HERE = [name for name in IN_PROCESS if name in BY_ITEM] + ["auto"]
"""Those whose calls are awaited in this process."""


@pytest.fixture
def file(tmp_path):
    """100 items, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


@pytest.fixture
def server():
    with echo_server() as server:
        yield server


def asks(server):
    return partial(awaiting.ask_server, port=server.server_address[1])


@every_strategy_by_item
def test_a_client_is_kept(name, file, server, tmp_path):
    """A connection that is opened at a worker's first call serves all its calls, in every chunk."""
    run(name, file, asks(server), tmp_path / name, chunks=10)
    assert_same_results(tmp_path / name, file, returning.same)
    assert 1 <= server.connections <= (1 if name in AWAITS_HERE else 2)
    if name in AWAITS_HERE:
        hang_up(server)


def hang_up(server):
    with event_loop.served() as loop:
        call = loop_thread.Call(loop, awaiting.hang_up(server.server_address[1]))
        call.submit()
        call.wait()


def test_a_client_is_kept_from_run_to_run(file, server, tmp_path):
    """All runs in one process, by whatever strategy, have the same connection, as in a comparison."""
    for number, name in enumerate(2 * AWAITS_HERE):
        run(name, file, asks(server), tmp_path / f"{number}", chunks=10)
        assert_same_results(tmp_path / f"{number}", file, returning.same)
    assert server.connections == 1
    hang_up(server)


@pytest.mark.parametrize("name", AWAITS_HERE)
def test_a_thread_whose_own_event_loop_runs_can_start_a_run(name, file, tmp_path):
    """As in a notebook, where the caller's loop is running."""

    async def cell():
        run(name, file, awaiting.same_async, tmp_path / name)

    asyncio.run(cell())
    assert_same_results(tmp_path / name, file, returning.same)


@pytest.mark.parametrize("name", AWAITS_HERE)
@pytest.mark.parametrize(
    "function", [awaiting.hangs_on_guilty, awaiting.blocks, awaiting.minds_no_cancelling]
)
def test_whatever_a_call_does_it_can_be_interrupted(name, function, file, tmp_path, monkeypatch):
    """Ctrl-C ends a run whose call waits, computes, or minds no cancelling; the next run has a loop."""
    monkeypatch.setattr(loop_thread, "PATIENCE_SECONDS", 0.5)
    called = threading.Event()

    async def noted(number):
        if number == GUILTY:
            called.set()
        return await function(number)

    thread = interrupt(called.is_set, delay=0.05)
    with pytest.raises(KeyboardInterrupt):
        run(name, file, noted, tmp_path / name)
    thread.join()
    run(name, file, awaiting.same_async, tmp_path / name)
    assert_same_results(tmp_path / name, file, returning.same)


INTERRUPTED = """
    import contextlib, os, signal, sys
    from pathlib import Path
    from fanout_pipeline.engine.calls import loop_thread
    from fanout_pipeline_tests.contract.functions import GUILTY
    from fanout_pipeline_tests.contract.functions.awaiting import minds_no_cancelling
    from fanout_pipeline_tests.contract.runs import run

    loop_thread.PATIENCE_SECONDS = 0.5

    async def function(number):
        if number == GUILTY:
            os.kill(os.getpid(), signal.SIGINT)
        await minds_no_cancelling(number)

    with contextlib.suppress(KeyboardInterrupt):
        run(sys.argv[1], Path(sys.argv[2]), function, Path(sys.argv[3]))
"""


def test_a_call_that_minds_no_cancelling_is_told_of_once(file, tmp_path):
    """Whoever pressed Ctrl-C reads that its event loop is abandoned, and nothing as the process ends."""
    said = program(tmp_path, INTERRUPTED, "serial", file)
    assert said.count("\n") == 1
    assert "abandoned" in said


def program(tmp_path, text, *arguments, options=()):
    """What a program, which ends well, writes to stderr."""
    (tmp_path / "program.py").write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, *options, "program.py", *map(str, arguments), str(tmp_path / "out")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_loop_may_be_stopped_by_a_call(file, tmp_path):
    """A call that stops its event loop, or whose tasks exit, keeps no other from its result."""

    async def function(number):
        asyncio.get_running_loop().stop()
        asyncio.get_running_loop().call_soon(sys.exit)
        return await awaiting.same_async(number)

    for name in AWAITS_HERE:
        run(name, file, function, tmp_path / name)
        assert_same_results(tmp_path / name, file, returning.same)


CLEANS_UP = """
    import asyncio, sys
    from pathlib import Path
    from fanout_pipeline_tests.contract.runs import run

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
        *names, file, folder = sys.argv[1:]
        for name in names:
            run(name, Path(file), function, Path(folder) / name)
"""


@pytest.mark.parametrize("names", [AWAITS_HERE, ["multiprocess"]])
def test_the_loop_is_closed_in_order(names, file, tmp_path):
    """At the end of a process tasks are cancelled and generators closed, without a word."""
    assert program(tmp_path, CLEANS_UP, *names, file, options=("-W", "always")) == ""
    tasks, generators = (
        {path.name.split()[1] for path in tmp_path.glob(f"{kind} *")}
        for kind in ("task", "generator")
    )
    assert tasks == generators
    assert 1 <= len(tasks) <= (1 if names == AWAITS_HERE else 2)
