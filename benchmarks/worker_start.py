"""How long two workers take to start, from inside a Dagster step, until each has answered once.

Runs a job of one step (in_process_executor, so that the step's process is the dagster command) which starts
workers in each way, in turns, several times. Prints medians and ranges.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path

import dagster as dg

from fanout_pipeline import Options
from fanout_pipeline.engine.registry import STRATEGIES

RESULTS = "FANOUT_WORKER_START"


Started = AbstractContextManager[object]


def ours(workers: int) -> Started:
    return STRATEGIES["multiprocess"].start(Options(workers=workers, start_method="spawn"))


@contextmanager
def bare_interpreters(workers: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", ""]) for _ in range(workers)]
    for process in processes:
        process.wait()
    yield


def pool(method: str) -> Callable[[int], Started]:
    @contextmanager
    def started(workers: int) -> Iterator[None]:
        context = get_context(method)
        # Each worker has to be there before any gives its answer.
        everyone = context.Barrier(workers)
        with ProcessPoolExecutor(workers, context, methodcaller("wait"), (everyone,)) as executor:
            list(executor.map(abs, range(workers)))
            yield

    return started


WAYS: dict[str, Callable[[int], Started]] = {
    "multiprocess": ours,
    "bare interpreters, until they end": bare_interpreters,
    "ProcessPoolExecutor, forkserver": pool("forkserver"),
    "ProcessPoolExecutor, spawn": pool("spawn"),
}


@dg.op
def start_workers() -> None:
    request = json.loads(os.environ[RESULTS])
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(request["rounds"]):
        for name, start in WAYS.items():
            began = time.perf_counter()
            with start(request["workers"]):
                seconds[name].append(time.perf_counter() - began)
    Path(request["path"]).write_text(json.dumps(seconds))


@dg.job(executor_def=dg.in_process_executor)
def worker_start() -> None:
    start_workers()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seconds.json"
        request = vars(arguments) | {"path": str(path)}
        dagster = str(Path(sys.executable).with_name("dagster"))  # as people call it
        command = [dagster, "job", "execute", "-f", __file__, "-j", "worker_start"]
        environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
        done = subprocess.run(
            command,
            env=environment | {RESULTS: json.dumps(request)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr)
        seconds = json.loads(path.read_text())
    print(f"| {arguments.workers} workers, from inside a Dagster step | median ms | range |")
    print("|---|---|---|")
    for name, taken in seconds.items():
        low, median, high = (1000 * f(taken) for f in (min, statistics.median, max))
        print(f"| {name} | {median:.0f} | {low:.0f}-{high:.0f} |")


if __name__ == "__main__":
    main()
