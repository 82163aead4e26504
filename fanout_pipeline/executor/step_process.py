"""A step's own process: forked from the step server, or a new interpreter that has loaded the same."""

import importlib
import os
import random
import signal
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import dagster as dg

from fanout_pipeline.executor import step_logs
from fanout_pipeline.executor.dagster_internals import (
    ConfigurableClassData,
    InstanceRef,
    KnownExecutionState,
    LocalComputeLogManager,
    capture_interrupts,
    create_context_free_log_manager,
    create_execution_plan,
    execute_plan_iterator,
)
from fanout_pipeline.executor.lifetime import end_with_parent
from fanout_pipeline.executor.step_messages import Launch, Setup

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Blocked in the server and in what it starts, until a step is ready to be interrupted."""


class LoadedRun:
    """Everything that a step of the run needs."""

    def __init__(self, setup: Setup):
        for module in setup.preload:
            importlib.import_module(module)
        self.setup = setup
        self.instance = dg.DagsterInstance.from_ref(_with_threaded_logs(setup.instance))
        # A new object even where the load data is None: the one received carries the executor's hash,
        # under which Dagster would not find the cached definition, and would load it in each step.
        self.job = setup.job.with_repository_load_data(setup.load_data)
        # Called for what Dagster caches: the definition, and that the run's database is up to date.
        self._plan(None, None)
        self.instance.get_records_for_run(setup.run.run_id, limit=1)
        _ = self.instance.compute_log_manager

    def _plan(self, keys: Sequence[str] | None, known_state: KnownExecutionState | None) -> Any:
        return create_execution_plan(
            self.job,
            run_config=self.setup.run.run_config,
            step_keys_to_execute=keys,
            known_state=known_state,
            repository_load_data=self.setup.load_data,
        )

    def execute(self, launch: Launch, kind: str) -> None:
        """Execute one step in this process, which is of the given kind; its events go to the log."""
        run = self.setup.run
        with self.instance, capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            dg.DagsterEvent.step_worker_started(
                create_context_free_log_manager(self.instance, run),
                run.job_name,
                message=f'Executing step "{launch.step_key}" in a {kind} process.',
                metadata={"pid": dg.MetadataValue.text(str(os.getpid()))},
                step_key=launch.step_key,
            )
            events = execute_plan_iterator(
                self._plan([launch.step_key], launch.known_state),
                self.job,
                run,
                self.instance,
                retry_mode=launch.retry_mode,
                run_config=run.run_config,
            )
            for _ in events:
                pass


def run_forked(connection: Connection, loaded: LoadedRun, launch: Launch) -> None:
    """The program of a step that is forked from the server, whose connection it closes."""
    connection.close()
    end_with_parent()
    if "numpy" in sys.modules:  # a fork reseeds Python's own generator, but not NumPy's
        sys.modules["numpy"].random.seed(random.getrandbits(32))
    _execute(loaded, launch, "forked")


def run_spawned(setup: Setup, launch: Launch) -> None:
    """The program of a step that loads everything by itself, in a new interpreter."""
    end_with_parent()
    _execute(LoadedRun(setup), launch, "new")


def _execute(loaded: LoadedRun, launch: Launch, kind: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        loaded.execute(launch, kind)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        sys.exit(1)
    except Exception:  # Dagster has logged what the step's function raised: this is something else
        loaded.instance.report_engine_event(
            f'The process of step "{launch.step_key}" failed outside of the step:\n'
            f"{traceback.format_exc()}",
            loaded.setup.run,
            step_key=launch.step_key,
        )
        sys.exit(1)


def _with_threaded_logs(instance: InstanceRef) -> InstanceRef:
    """The same instance with `step_logs` in place of Dagster's default capture of output."""
    if type(instance.compute_log_manager) is not LocalComputeLogManager:
        return instance
    data = ConfigurableClassData(
        step_logs.__name__, step_logs.ThreadedLogs.__name__, instance.compute_logs_data.config_yaml
    )
    return instance._replace(compute_logs_data=data)
