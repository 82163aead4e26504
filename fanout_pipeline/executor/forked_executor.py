"""Dagster's StepDelegatingExecutor with steps that a server starts (`step_server`)."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import dagster as dg

from fanout_pipeline.executor.dagster_internals import (
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    SqliteEventLogStorage,
    StepDelegatingExecutor,
)
from fanout_pipeline.executor.step_handler import CLEANUP_SECONDS, ForkedSteps
from fanout_pipeline.executor.step_messages import Setup

_PAUSE_SECONDS = 0.005
"""Pause between two iterations of the executor's loop."""
_WAIT_SECONDS = 0.1
"""Longest wait for a step to end, after which the executor looks for an interrupt."""
_HEALTH_CHECK_SECONDS = 1
"""Time within which the death of a step's process is noticed; Dagster takes whole seconds."""
_PUBLISH_SECONDS = 1.0
"""How far the run's page may lag behind."""


class ForkedStepsExecutor(StepDelegatingExecutor):
    """Reads the event log when a step has ended rather than at intervals."""

    def __init__(self, preload: Sequence[str], max_concurrent: int, limits: list[dict[str, Any]]):
        self._preload = preload
        self._steps = ForkedSteps()
        super().__init__(
            self._steps,
            retries=RetryMode.ENABLED,
            sleep_seconds=_PAUSE_SECONDS,
            check_step_health_interval_seconds=_HEALTH_CHECK_SECONDS,
            max_concurrent=max_concurrent,
            tag_concurrency_limits=limits,
        )

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
            with _held_open(plan_context.instance, plan_context.run_id) as self._publish:
                self._published = time.monotonic()
                yield from super().execute(plan_context, execution_plan)
        finally:
            killed = self._steps.close()
            if killed:
                plan_context.instance.report_engine_event(
                    f"Killed the steps {killed}, which had not ended {CLEANUP_SECONDS:.0f} s after "
                    "they were interrupted.",
                    plan_context.dagster_run,
                )

    def _pop_events(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[dg.DagsterEvent]:
        self._steps.wait(_WAIT_SECONDS)
        if time.monotonic() - self._published >= _PUBLISH_SECONDS:
            self._publish()
            self._published = time.monotonic()
        if not self._steps.may_have_logged:
            return ()
        seen = len(seen_storage_ids)
        events = super()._pop_events(instance, run_id, seen_storage_ids)
        # Read again where there were more events than one read returns, and where one of them makes
        # the base class record the end of a step itself.
        self._steps.may_have_logged = len(seen_storage_ids) - seen >= self._pop_events_limit or any(
            event.is_resource_init_failure for event in events
        )
        return events


@contextmanager
def _held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[Callable[[], object]]:
    """Hold a connection to the run's database if that is SQLite; yields a function that publishes it.

    Dagster opens a connection for each event. Whenever the last one closes, SQLite copies its log into
    the database and syncs both, which most events caused: 20 to 28 ms each on a busy disk, 8 to 14 ms
    with a connection held. But the web server notices news by a change of the database's file, so the
    log is copied into it from time to time.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield lambda: None
        return
    path = storage.path_for_shard(run_id)
    with closing(sqlite3.connect(path, check_same_thread=False)) as held:
        held.execute("SELECT id FROM event_logs LIMIT 1").fetchall()

        def publish() -> None:
            with suppress(
                sqlite3.OperationalError
            ):  # another process is copying it, or it can wait
                held.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

        yield publish
