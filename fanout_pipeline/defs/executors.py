"""An executor that gives each step a process of its own in a tenth of a second.

As it comes, Dagster's multiprocess executor starts each step with `spawn`: a new interpreter that
imports dagster and the code location. Here a process of its own loads what every step needs, once a
run, and each step is forked from it (`step_server`). The executor proper is Dagster's
StepDelegatingExecutor, which runs steps in Kubernetes and the like, with a step handler of ours.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor

from fanout_pipeline.defs.overlap import ALONE, TIMED
from fanout_pipeline.defs.step_handler import ForkedSteps
from fanout_pipeline.defs.step_server import Setup
from fanout_pipeline.fanout.cores import effective_cores

PRELOAD = ("fanout_pipeline.defs.preload",)
"""What this project's steps import beside its definitions."""
_PAUSE_SECONDS = 0.005
_WAIT_SECONDS = 0.1
"""How soon an interrupt is noticed."""
_HEALTH_SECONDS = 1


class ForkedStepsExecutor(StepDelegatingExecutor):
    """Reads the event log when a step has ended, not at intervals."""

    def __init__(self, preload: Sequence[str], steps: ForkedSteps, **options: Any):
        super().__init__(
            steps,
            sleep_seconds=_PAUSE_SECONDS,
            check_step_health_interval_seconds=_HEALTH_SECONDS,
            **options,
        )
        self._preload = preload
        self._steps = steps

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        self._steps.start(
            Setup(
                preload=self._preload,
                instance=plan_context.instance.get_ref(),
                run=plan_context.dagster_run,
                job=plan_context.reconstructable_job,
                load_data=execution_plan.repository_load_data,
            )
        )
        try:
            yield from super().execute(plan_context, execution_plan)
        finally:
            self._steps.close()

    def _pop_events(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[dg.DagsterEvent]:
        self._steps.wait(_WAIT_SECONDS)
        if not self._steps.news:
            return ()
        seen = len(seen_storage_ids)
        events = super()._pop_events(instance, run_id, seen_storage_ids)
        self._steps.news = len(seen_storage_ids) - seen >= self._pop_events_limit
        return events


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
        dg.Noneable(dg.IntSource),
        default_value=None,
        description="Steps at a time. Default: the effective cores.",
    )

    @dg.executor(
        name=name,
        config_schema={"max_concurrent": at_a_time},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def preloaded_multiprocess(context: dg.InitExecutorContext) -> ForkedStepsExecutor:
        return ForkedStepsExecutor(
            preload,
            ForkedSteps(),
            retries=RetryMode.ENABLED,
            max_concurrent=context.executor_config["max_concurrent"] or effective_cores(),
            tag_concurrency_limits=list(tag_concurrency_limits),
        )

    return preloaded_multiprocess


timed_steps_executor = preloaded_multiprocess_executor(
    preload=PRELOAD, tag_concurrency_limits=[{"key": TIMED, "value": ALONE, "limit": 1}]
)
"""The code location's default: timed steps one at a time, chunk steps beside each other."""
