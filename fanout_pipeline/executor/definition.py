"""The executor as a Dagster definition; all that runs steps is imported when a run begins."""

import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from fanout_pipeline.executor.forked_executor import ForkedStepsExecutor

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def preloaded_multiprocess_executor(
    preload: Sequence[str] = (),
    tag_concurrency_limits: Sequence[dict[str, Any]] = (),
    name: str = "preloaded_multiprocess",
) -> dg.ExecutorDefinition:
    """An executor whose steps are forked from a process that has loaded the code location.

    Dagster's multiprocess executor by default starts each step with `spawn`: a new interpreter that
    imports dagster and the code location, a second or two a step on 2 cores. Here one process a run
    loads them, and each step is a fork of it.

    `preload` names modules that steps import in addition to those that the definitions import.
    Run config: `execution: {config: {max_concurrent: N}}`; default: the cores that the run may use.
    """

    @dg.executor(
        name=name,
        config_schema={
            "max_concurrent": dg.Field(
                dg.Noneable(int),
                default_value=None,
                description="Steps at a time. Default: the cores that the run may use.",
            )
        },
        requirements=dg.multiple_process_executor_requirements(),
    )
    def preloaded_multiprocess(context: dg.InitExecutorContext) -> "ForkedStepsExecutor":
        from fanout_pipeline.executor.forked_executor import ForkedStepsExecutor

        if sys.platform == "win32":
            raise dg.DagsterInvariantViolationError(
                f"{name} forks its steps, which Windows cannot: use dg.multiprocess_executor there."
            )
        configured: Any = context.executor_config["max_concurrent"]
        max_concurrent = usable_cores() if configured is None else configured
        if max_concurrent < 1:
            raise ValueError(f"max_concurrent must be 1 or more, not {max_concurrent}")
        return ForkedStepsExecutor(preload, max_concurrent, list(tag_concurrency_limits))

    return preloaded_multiprocess


def usable_cores() -> int:
    """The cores that this process may use: its CPU affinity, and its container's CPU quota if less."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # not in a container, or "max": no quota
        quota, period = map(int, _CPU_QUOTA.read_text().split())
        cores = min(cores, math.ceil(quota / period))
    return cores
