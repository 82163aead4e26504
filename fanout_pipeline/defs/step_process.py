"""A step's own process: forked from the step server, or a new interpreter that has loaded the same."""

import importlib
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator
from dagster._core.execution.context_creation_job import create_context_free_log_manager
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts

from fanout_pipeline.defs import step_logs
from fanout_pipeline.defs.step_messages import Launch, Setup
from fanout_pipeline.engine.system.process_end import end_with, exit_after_parent

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Blocked in the server and in what it starts, until a step is ready to be interrupted."""


class LoadedRun:
    """Everything that a step of the run needs."""

    def __init__(self, setup: Setup):
        for module in setup.preload:
            importlib.import_module(module)
        self.setup = setup
        self.instance = dg.DagsterInstance.from_ref(_with_threaded_logs(setup.instance))
        # A new object also where that is None: the one received carries the executor's hash, by
        # which Dagster would not find its definition again, and would load all of it in each step.
        self.job = setup.job.with_repository_load_data(setup.load_data)
        # Both for what they leave behind: the definition is kept, the run's database checked.
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
        """One step, in a process of this kind. What happens is in the event log, not returned."""
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


def forked(connection: Connection, loaded: LoadedRun, launch: Launch) -> None:
    """The program of a step that is forked from the server, which has this connection."""
    connection.close()
    _end_with_server()
    if "numpy" in sys.modules:  # Python's own generator is seeded anew after a fork, numpy's is not
        sys.modules["numpy"].random.seed(random.getrandbits(32))
    _execute(loaded, launch, "forked")


def fresh(setup: Setup, launch: Launch) -> None:
    """The program of a step that loads everything by itself, in a new interpreter."""
    _end_with_server()
    _execute(LoadedRun(setup), launch, "new")


def _end_with_server() -> None:
    server = multiprocessing.parent_process()
    assert server is not None
    end_with(server.pid or 0)  # on Linux: nothing that the step does can hinder it
    threading.Thread(target=exit_after_parent, daemon=True).start()


def _execute(loaded: LoadedRun, launch: Launch, kind: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        loaded.execute(launch, kind)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        sys.exit(1)
    except Exception:  # the function's own are in the event log by now: this is something else
        loaded.instance.report_engine_event(
            f'The process of step "{launch.step_key}" failed around the step.',
            loaded.setup.run,
            EngineEventData.engine_error(serializable_error_info_from_exc_info(sys.exc_info())),
            step_key=launch.step_key,
        )
        sys.exit(1)


def _with_threaded_logs(instance: InstanceRef) -> InstanceRef:
    """The same instance, but for how it captures what is printed, if it does so in Dagster's way."""
    if type(instance.compute_log_manager) is not LocalComputeLogManager:
        return instance
    data = ConfigurableClassData(
        step_logs.__name__, step_logs.ThreadedLogs.__name__, instance.compute_logs_data.config_yaml
    )
    return instance._replace(compute_logs_data=data)
