"""Dagster's StepDelegatingExecutor with steps that a server starts (`step_server`).

Not imported with the definitions: what it imports of Dagster takes a tenth of a second.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster._core.storage.event_log import SqliteEventLogStorage

from fanout_pipeline.defs.step_handler import CLEANING_UP_SECONDS, ForkedSteps
from fanout_pipeline.defs.step_messages import Setup

_PAUSE_SECONDS = 0.005
_WAIT_SECONDS = 0.1
"""How soon an interrupt is noticed."""
_HEALTH_SECONDS = 1
"""How soon a step is noticed whose process died, in whole seconds as Dagster has it."""
_PUBLISH_SECONDS = 1.0
"""How late the run's page may be."""


class ForkedStepsExecutor(StepDelegatingExecutor):
    """Reads the event log when a step has ended, not at intervals."""

    def __init__(self, preload: Sequence[str], max_concurrent: int, limits: list[dict[str, Any]]):
        self._preload = preload
        self._steps = ForkedSteps()
        super().__init__(
            self._steps,
            retries=RetryMode.ENABLED,
            sleep_seconds=_PAUSE_SECONDS,
            check_step_health_interval_seconds=_HEALTH_SECONDS,
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
                    f"Killed the steps {killed}, which had not ended {CLEANING_UP_SECONDS:.0f} s after "
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
        if not self._steps.news:
            return ()
        seen = len(seen_storage_ids)
        events = super()._pop_events(instance, run_id, seen_storage_ids)
        # More than one reading's, or such as let the base class write an end that is to be read.
        self._steps.news = len(seen_storage_ids) - seen >= self._pop_events_limit or any(
            event.is_resource_init_failure for event in events
        )
        return events


@contextmanager
def _held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[Callable[[], object]]:
    """Keep a connection to the run's database, if that is SQLite; gives what brings it up to date.

    Dagster connects anew for each event. Whoever disconnects last makes SQLite copy its log into the
    database and sync both, which most events did: 20 to 28 ms each on a busy disk, 8 to 14 ms now.
    But the web server looks for news when the database's file has changed: so it is copied now and then.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield lambda: None
        return
    path = storage.path_for_shard(run_id)
    with closing(sqlite3.connect(path, check_same_thread=False)) as held:
        held.execute("SELECT id FROM event_logs LIMIT 1").fetchall()

        def publish() -> None:
            with suppress(sqlite3.OperationalError):  # somebody else does so, or it can wait
                held.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

        yield publish
