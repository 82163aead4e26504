"""The strategies of this project, through `fanout_pipeline.engine.run.run_strategy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.job import Job
from fanout_pipeline import FanoutSpec, Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy


def run(strategy: str, job: Job, folder: Path, warm_runs: int) -> RunRecord:
    """Cold and then warm, with the results of the last in `folder`."""
    workload = job.workload
    more: dict[str, Any] = {}
    function = workload.function
    if STRATEGIES[strategy].awaits:
        assert workload.async_function is not None
        function, more = workload.async_function, {"concurrency": job.at_once}
    spec = FanoutSpec(
        workload.name, workload.source(str(job.input)), function, workload.batch_function
    )
    options = Options(workers=job.at_once, start_method="spawn", **more)
    return run_strategy(STRATEGIES[strategy], spec, folder, options, warm_runs=warm_runs)
