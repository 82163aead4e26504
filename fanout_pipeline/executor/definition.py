"""An executor that gives each step a process of its own in a tenth of a second.

As it comes, Dagster's multiprocess executor starts each step with `spawn`: a new interpreter that
imports dagster and the code location, a second or two a step on 2 cores. Here a process of its own
loads what every step needs, once a run, and each step is forked from it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fanout_pipeline.defs.bounds import Workers
from fanout_pipeline.defs.overlap import ALONE, TIMED
from fanout_pipeline.engine.system.cores import effective_cores

if TYPE_CHECKING:
    from fanout_pipeline.defs.forked_executor import ForkedStepsExecutor

PRELOAD = ("fanout_pipeline.defs.preload",)
"""What this project's steps import beside its definitions."""


def preloaded_multiprocess_executor(
    preload: Sequence[str] = (),
    tag_concurrency_limits: Sequence[dict[str, Any]] = (),
    name: str = "preloaded_multiprocess",
) -> dg.ExecutorDefinition:
    """An executor whose steps are forked from a process that has loaded the code location.

    `preload` names modules that steps import beside those that the definitions import.
    Run config: `execution: {config: {max_concurrent: N}}`; default: the effective cores.
    """
    at_a_time = dg.Field(
        dg.Noneable(Workers),
        default_value=None,
        description="Steps at a time. Default: the effective cores.",
    )

    @dg.executor(
        name=name,
        config_schema={"max_concurrent": at_a_time},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def preloaded_multiprocess(context: dg.InitExecutorContext) -> "ForkedStepsExecutor":
        from fanout_pipeline.defs.forked_executor import ForkedStepsExecutor

        configured: Any = context.executor_config["max_concurrent"]
        at_a_time = configured or effective_cores()
        return ForkedStepsExecutor(preload, at_a_time, list(tag_concurrency_limits))

    return preloaded_multiprocess


timed_steps_executor = preloaded_multiprocess_executor(
    preload=PRELOAD, tag_concurrency_limits=[{"key": TIMED, "value": ALONE, "limit": 1}]
)
"""The code location's default: timed steps one at a time, chunk steps beside each other."""
