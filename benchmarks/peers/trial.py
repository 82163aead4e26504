"""The program of one trial, in a process of its own: `python -m benchmarks.peers.trial REQUEST`.

import the library -> start -> do the job (cold) -> do it again (warm) -> stop -> write what it took
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import warnings
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """What the parent asks for."""

    module: str
    """With the contender's `start`."""
    workload: str
    loops_per_second: float
    items: int
    workers: int
    scratch: str
    """An empty folder: the results go to `results.npy`, the record to `record.json`."""
    warm_runs: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Wall seconds of one trial."""

    import_seconds: float
    """Of the contender's library; not part of `cold_seconds`."""
    start_seconds: float
    run_seconds: float
    stop_seconds: float
    warm_seconds: float | None
    """Of the last of the further runs with the same workers."""

    @property
    def cold_seconds(self) -> float:
        return self.start_seconds + self.run_seconds + self.stop_seconds


def main() -> None:
    _end_with_parent()
    warnings.simplefilter("ignore")
    request = Request(**json.loads(sys.argv[1]))
    taken = _trial(request)
    Path(request.scratch, "record.json").write_text(json.dumps(asdict(taken)))


def _end_with_parent() -> None:
    """Kill this process and what it started once the parent's end of our standard input is closed."""
    # A copy, because processes that are forked from here close theirs.
    lifeline = os.dup(0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        os.read(lifeline, 1)
        import psutil

        for child in psutil.Process().children(recursive=True):
            child.kill()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _trial(request: Request) -> Taken:
    from benchmarks.peers.job import Job
    from benchmarks.peers.results import keep
    from benchmarks.workloads.catalogue import workloads

    workload = workloads(request.loops_per_second)[request.workload]
    scratch = Path(request.scratch)
    job = Job(workload, workload.make(request.items), scratch, request.workers)
    began = time.perf_counter()
    module = import_module(request.module)
    import_seconds = time.perf_counter() - began
    took = []
    began = time.perf_counter()
    with module.start(job) as run:
        started = time.perf_counter()
        for _ in range(1 + request.warm_runs):
            results = None
            begin = time.perf_counter()
            results = run()
            took.append(time.perf_counter() - begin)
        begin_stop = time.perf_counter()
    stop = time.perf_counter() - begin_stop
    keep(results, scratch / "results.npy")
    warm = took[-1] if request.warm_runs else None
    return Taken(import_seconds, started - began, took[0], stop, warm)


if __name__ == "__main__":
    main()
