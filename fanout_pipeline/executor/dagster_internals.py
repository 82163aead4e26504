"""Everything that the executor uses of Dagster that is not public, and what for.

Dagster may move any of it in any release. `fanout_pipeline_tests/test_private_dagster.py` then names what
has moved, and a run that uses the executor names the versions that it was made for.
"""

import dagster as dg

OLDEST, NEWEST = "1.12.0", "1.13.27"
"""The versions of Dagster that `make test-versions` has run the executor on."""


class UnsupportedDagster(ImportError):
    """This version of Dagster lacks an internal that the executor builds on. The message names both."""


try:
    # How a run's job is found again by the step server.
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.definitions.repository_definition import RepositoryLoadData

    # What `dagster api execute_step` does, in a process that has loaded the definitions already.
    from dagster._core.execution.api import create_execution_plan, execute_plan_iterator

    # A step's output is captured as before, but copied to the terminal by threads, not by processes.
    from dagster._core.execution.compute_logs import redirect_to_file

    # Types of what the overridden methods are given.
    from dagster._core.execution.context.system import PlanOrchestrationContext

    # Without it the event that a step's process has started cannot be written.
    from dagster._core.execution.context_creation_job import create_context_free_log_manager

    # Of a fan-out's dynamic outputs a step is sent its own share only.
    from dagster._core.execution.plan.handle import StepHandle
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.execution.plan.step import ExecutionStep
    from dagster._core.execution.retries import RetryMode

    # The executor of Kubernetes, ECS and Docker: scheduling, retries, limits and termination.
    from dagster._core.executor.step_delegating import (
        CheckStepHealthResult,
        StepDelegatingExecutor,
        StepHandler,
        StepHandlerContext,
    )

    # The step server opens the run's instance, with `step_logs` in place of Dagster's capture.
    from dagster._core.instance.ref import InstanceRef
    from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType

    # A connection to the run's database is held while the run goes on, if that is SQLite.
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from dagster._core.storage.local_compute_log_manager import (
        IO_TYPE_EXTENSION,
        LocalComputeLogManager,
    )
    from dagster._serdes import ConfigurableClassData

    # A signal is raised in the step's function, but not amid a write to the event log.
    from dagster._utils.interrupts import capture_interrupts
except ImportError as error:
    raise UnsupportedDagster(
        f"preloaded_multiprocess_executor builds on internals of Dagster {OLDEST} to {NEWEST}, and "
        f"Dagster {dg.__version__} has changed one of them: {error}. Install one of these versions, or "
        "use dagster.multiprocess_executor in its place."
    ) from error

__all__ = [
    "IO_TYPE_EXTENSION",
    "CapturedLogContext",
    "CheckStepHealthResult",
    "ComputeIOType",
    "ConfigurableClassData",
    "ExecutionPlan",
    "ExecutionStep",
    "InstanceRef",
    "KnownExecutionState",
    "LocalComputeLogManager",
    "PlanOrchestrationContext",
    "ReconstructableJob",
    "RepositoryLoadData",
    "RetryMode",
    "SqliteEventLogStorage",
    "StepDelegatingExecutor",
    "StepHandle",
    "StepHandler",
    "StepHandlerContext",
    "capture_interrupts",
    "create_context_free_log_manager",
    "create_execution_plan",
    "execute_plan_iterator",
    "redirect_to_file",
]
