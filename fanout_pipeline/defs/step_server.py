"""The process that the steps of one run are forked from: everything a step needs, loaded once.

    executor                          server                        step
    StepServer.start ---------------> imports, code location,
                                      instance, job: `ready`
    launch(step) -------------------> fork -----------------------> executes its part of the plan
    interrupt(step) ----------------> SIGINT ---------------------> raises in the step's function
           <------ ended(step, code)  <---------------------------- exits
    end of the executor, in any way > kills what is left, ends

An interpreter of its own, which has no thread but the main one and no open database, so that it may
be forked. Dagster's storages connect anew for each operation.
"""

import gc
import importlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.definitions.repository_definition import RepositoryLoadData
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator
from dagster._core.execution.context_creation_job import create_context_free_log_manager
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts

from fanout_pipeline.defs import step_logs
from fanout_pipeline.defs.ending_with import ending_with
from fanout_pipeline.fanout.multiprocessing_workers import exit_after_parent

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LIVENESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What all steps of a run have in common."""

    preload: Sequence[str]
    """Modules to import beside those that the code location imports."""
    instance: InstanceRef
    run: dg.DagsterRun
    job: ReconstructableJob
    load_data: RepositoryLoadData | None


@dataclass(frozen=True, slots=True)
class Launch:
    """Fork a step."""

    number: int
    """Of the process: a step that is tried again has another one, maybe before the first ended."""
    step_key: str
    known_state: KnownExecutionState | None
    retry_mode: RetryMode | None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt a step's process, as Ctrl-C would."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The server has loaded everything, or could not."""

    error: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A step's process has ended."""

    number: int
    exit_code: int


class _Loaded:
    """A Setup, loaded."""

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
        threads = [thread.name for thread in threading.enumerate()]
        if len(threads) > 1:
            raise RuntimeError(
                f"Importing the code location or the modules {list(setup.preload)} started the "
                f"threads {threads[1:]}, and a process with threads cannot be forked safely. "
                "Start them in a resource, or use Dagster's multiprocess_executor."
            )

    def _plan(self, keys: Sequence[str] | None, known_state: KnownExecutionState | None) -> Any:
        return create_execution_plan(
            self.job,
            run_config=self.setup.run.run_config,
            step_keys_to_execute=keys,
            known_state=known_state,
            repository_load_data=self.setup.load_data,
        )

    def execute(self, launch: Launch) -> None:
        """One step, in its own process. What happens is in the event log, not returned."""
        run = self.setup.run
        with self.instance, capture_interrupts():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            dg.DagsterEvent.step_worker_started(
                create_context_free_log_manager(self.instance, run),
                run.job_name,
                message=f'Executing step "{launch.step_key}" in a forked process.',
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


@dataclass
class _Server:
    connection: Connection
    loaded: _Loaded
    steps: dict[int, ForkProcess] = field(default_factory=dict)

    def serve(self) -> None:
        """Until the executor closes its end, or dies."""
        try:
            while True:
                sentinels = [step.sentinel for step in self.steps.values()]
                ready = wait([self.connection, *sentinels], _LIVENESS_SECONDS)
                if self.connection in ready:
                    self._handle(self.connection.recv())
                self._tell_ended()
        finally:
            for step in self.steps.values():
                step.kill()

    def _handle(self, message: Launch | Interrupt) -> None:
        if isinstance(message, Launch):
            process = multiprocessing.get_context("fork").Process(
                target=_step, args=(self.connection, self.loaded, message)
            )
            process.start()
            self.steps[message.number] = process
        elif message.number in self.steps:
            # Not yet waited for, so the process id is still its own.
            os.kill(self.steps[message.number].pid or 0, signal.SIGINT)

    def _tell_ended(self) -> None:
        # Asked one by one: a process that a step left behind keeps the step's sentinel open.
        for number, step in list(self.steps.items()):
            if step.exitcode is not None:
                del self.steps[number]
                self.connection.send(Ended(number, step.exitcode))


def _step(connection: Connection, loaded: _Loaded, launch: Launch) -> None:
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=exit_after_parent, daemon=True).start()
    if "numpy" in sys.modules:  # Python's own generator is seeded anew after a fork, numpy's is not
        sys.modules["numpy"].random.seed(random.getrandbits(32))
    try:
        loaded.execute(launch)
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


def main(descriptor: int) -> None:
    """The program of the server; `descriptor` is its end of the pipe from the executor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # the executor's business
    connection = Connection(descriptor)
    with suppress(EOFError, ConnectionError):  # the executor has gone
        _load_and_serve(connection)


def _load_and_serve(connection: Connection) -> None:
    setup = connection.recv()
    # By now dagster is imported, some 500,000 objects that live as long as the process. One full
    # collection among them, for the few that the definitions add, is half of what loading these costs.
    gc.freeze()
    try:
        with ending_with(connection):
            loaded = _Loaded(setup)
    except BaseException:
        connection.send(Ready(traceback.format_exc()))
        return
    # What is there now is never collected, so that a step's collector does not copy its pages.
    gc.collect()
    gc.freeze()
    connection.send(Ready(None))
    _Server(connection, loaded).serve()
