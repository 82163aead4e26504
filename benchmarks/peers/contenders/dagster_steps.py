"""Dagster's dynamic graph under its default multiprocess executor: Dagster's documentation, "Dynamic
graphs" and "Executors". A step costs seconds, so there is a batch a core and no more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.peers.job import Job, Run, call_on_each, read_items, write_results
from benchmarks.peers.workloads import workloads


class _Wanted(dg.Config):
    """What a step process needs to know of the job."""

    workload: str
    loops_per_second: float
    input: str
    items: int
    workers: int
    folder: str = ""

    def job(self) -> Job:
        workload = workloads(self.loops_per_second)[self.workload]
        return Job(
            workload, Path(self.input), Path(), self.items, self.workers, self.loops_per_second
        )


@dg.op(out=dg.DynamicOut())
def cut(config: _Wanted) -> Iterator[Any]:
    items = read_items(config.job())
    size = -(-len(items) // config.workers)
    for number in range(config.workers):
        batch = items[number * size : (number + 1) * size]
        yield dg.DynamicOutput(batch, mapping_key=str(number))


@dg.op
def call(config: _Wanted, batch: list[Any]) -> list[int]:
    return call_on_each(config.job().function, batch)


@dg.op
def write(config: _Wanted, results: list[list[int]]) -> None:
    write_results(Path(config.folder), list(chain.from_iterable(results)))


@dg.job(executor_def=dg.multiprocess_executor)
def fan_out() -> None:
    write(cut().map(call).collect())


@contextmanager
def start(job: Job) -> Iterator[Run]:
    silent = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(job.scratch), overrides=silent) as instance:
        yield lambda folder: _run(job, instance, folder)


def _run(job: Job, instance: dg.DagsterInstance, folder: Path) -> None:
    wanted = {
        "workload": job.workload.name,
        "loops_per_second": job.loops_per_second,
        "input": str(job.input),
        "items": job.items,
        "workers": job.workers,
        "folder": str(folder),
    }
    config = {
        "ops": {name: {"config": wanted} for name in ("cut", "call", "write")},
        "execution": {"config": {"max_concurrent": job.workers}},
    }
    pointer = dg.reconstructable(fan_out)
    with dg.execute_job(pointer, instance, run_config=config, raise_on_error=True):
        pass
