"""Dagster's multiprocess executor with steps that start in tenths of a second.

As it comes, it starts each step with `spawn`: a new interpreter that imports dagster and the code
location, 2.5 s a step on 2 cores. Here a fork server imports what every step needs, once, and
each step is forked from it. The server has no threads and no open database, so that is safe.
"""

import multiprocessing
import threading
from collections.abc import Sequence
from typing import Any

import dagster as dg

from fanout_pipeline.defs.overlap import ALONE, TIMED
from fanout_pipeline.fanout.cores import effective_cores
from fanout_pipeline.fanout.multiprocessing_workers import exit_after_parent

PRELOAD = ("fanout_pipeline.defs.preload",)


def preloaded_multiprocess_executor(
    preload: Sequence[str] = PRELOAD,
    tag_concurrency_limits: Sequence[dict[str, Any]] = (),
    name: str = "preloaded_multiprocess",
) -> dg.ExecutorDefinition:
    """An executor whose steps are forked from a server that has imported the modules in `preload`.

    Run config: `execution: {config: {max_concurrent: N}}`; default: the effective cores.
    """

    def configured(config: dict[str, Any]) -> dict[str, Any]:
        return {
            "max_concurrent": config["max_concurrent"] or effective_cores(),
            "start_method": {"forkserver": {"preload_modules": list(preload)}},
            "tag_concurrency_limits": list(tag_concurrency_limits),
        }

    at_a_time = dg.Field(
        dg.Noneable(dg.IntSource),
        default_value=None,
        description="Steps at a time. Default: the effective cores.",
    )
    return dg.multiprocess_executor.configured(
        configured, name=name, config_schema={"max_concurrent": at_a_time}
    )


def end_with_executor() -> None:
    """In a step forked by this executor: end when the process that runs the executor does.

    However that one dies (SIGKILL, out of memory), nobody is left to record the step. A run's own
    process, which Dagster spawns, may outlive its parent and is left alone.
    """
    if multiprocessing.current_process().name.startswith("ForkServerProcess"):
        threading.Thread(target=exit_after_parent, daemon=True).start()


timed_steps_executor = preloaded_multiprocess_executor(
    tag_concurrency_limits=[{"key": TIMED, "value": ALONE, "limit": 1}]
)
"""The code location's default: timed steps one at a time, chunk steps beside each other."""
