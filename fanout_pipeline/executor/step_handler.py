"""The executor's side of the step server: starts it, has it launch steps, learns of their ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe

import dagster as dg

from fanout_pipeline.executor.dagster_internals import (
    CheckStepHealthResult,
    ExecutionStep,
    KnownExecutionState,
    StepHandle,
    StepHandler,
    StepHandlerContext,
)
from fanout_pipeline.executor.step_messages import Ended, Interrupt, Launch, Ready, Setup

_PROGRAM = """\
import sys
sys.path[:] = {python_first!r}
from fanout_pipeline.executor.lifetime import exits_on_hang_up
with exits_on_hang_up({descriptor}):
    from fanout_pipeline.executor.step_server import main
sys.path[:] = {path!r}
main({descriptor})
"""
CLEANUP_SECONDS = 7.0
"""Time that a step has to clean up after its interrupt. Child processes of its own take a part of it."""
_SERVER_EXIT_SECONDS = 1.0


class StepServerFailed(Exception):
    """The process that steps are started from could not load, or has died."""


class ForkedSteps(StepHandler):
    """Has the step server launch each step."""

    def __init__(self) -> None:
        self._running: dict[int, str] = {}
        """Step key of each process that has not ended, by the process's number."""
        self._latest: dict[str, int] = {}
        """Number of each step's latest process."""
        self._exit_codes: dict[int, int] = {}
        """Exit code of each process that has ended."""
        self.may_have_logged = True
        """Whether the event log may contain something that the executor has not read."""

    @property
    def name(self) -> str:
        return "ForkedSteps"

    def start(self, setup: Setup) -> None:
        """Start the server; it loads while the executor goes on."""
        self._connection, theirs = Pipe()
        # The interpreter's flags, as multiprocessing passes them on: -O and -W mean the same there.
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
        self._server = subprocess.Popen(
            [sys.executable, *flags, "-c", _program(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._connection.send(setup)

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        arguments = step_handler_context.execute_step_args
        for key in arguments.step_keys_to_execute or ():
            context = step_handler_context.get_step_context(key)
            yield dg.DagsterEvent.step_worker_starting(context, f'Starting step "{key}".', {})
            number = self._latest[key] = len(self._running) + len(self._exit_codes)
            self._running[number] = key
            state = arguments.known_state and needed_state(context.step, arguments.known_state)
            self._send(Launch(number, key, state, arguments.retry_mode))

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        for key in step_handler_context.execute_step_args.step_keys_to_execute or ():
            number = self._latest.get(key)
            if number not in self._running and not self.may_have_logged:
                self.may_have_logged = True  # the executor logs the failure that is reported here
                end = "the executor that started its process is gone"
                if number is not None:
                    end = f"its process {_end(self._exit_codes[number])}"
                reason = f"{end}, and the step's end was never recorded"
                return CheckStepHealthResult.unhealthy(reason)
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        for key in step_handler_context.execute_step_args.step_keys_to_execute or ():
            self._interrupt(key)
        return iter(())

    def wait(self, seconds: float) -> None:
        """Wait until a step has ended, or for the given time."""
        while self._running and self._connection.poll(0 if self.may_have_logged else seconds):
            self._handle(self._receive())

    def close(self) -> list[str]:
        """End the server and the steps that still run; returns the keys of those that had to be killed.

        Steps are interrupted first, so that they can clean up. Those that take longer than
        CLEANUP_SECONDS are killed by the server, or with it.
        """
        try:
            for key in set(self._running.values()):
                self._interrupt(key)
            deadline = time.monotonic() + CLEANUP_SECONDS
            while self._running and self._connection.poll(max(0, deadline - time.monotonic())):
                self._handle(self._receive())
        except StepServerFailed:
            pass  # the steps have ended with it
        finally:
            self._connection.close()
            try:
                self._server.wait(_SERVER_EXIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        return sorted(self._running.values())

    def _interrupt(self, key: str) -> None:
        for number, running in self._running.items():
            if running == key:
                self._send(Interrupt(number))

    def _send(self, message: Launch | Interrupt) -> None:
        try:
            self._connection.send(message)
        except OSError as error:
            self.wait(0)  # its last messages may say why
            raise self._server_lost() from error

    def _receive(self) -> Ready | Ended:
        try:
            message: Ready | Ended = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._server_lost() from error
        return message

    def _handle(self, message: Ready | Ended) -> None:
        if isinstance(message, Ended):
            del self._running[message.number]
            self._exit_codes[message.number] = message.exit_code
            self.may_have_logged = True
        elif message.error:
            self._running = {}
            raise StepServerFailed(
                "The process that steps are started from could not load the code location, the "
                f"instance or a module of `preload`:\n{message.error}"
            )

    def _server_lost(self) -> StepServerFailed:
        steps, self._running = sorted(self._running.values()), {}
        return StepServerFailed(
            f"The process that steps are started from {_end(self._server.wait())}, and the steps "
            f"{steps} with it. If it was killed, look for the out-of-memory killer's message in "
            "the system's log."
        )


def _program(descriptor: int) -> str:
    """The step server's program, which imports what this process does.

    A file of the user's may have the name of one of Python's modules (`random.py`) that this process had
    imported before it looked in the user's folder: the server, too, imports Python's.
    """
    path = list(sys.path)
    standard_library = os.path.dirname(os.__file__)
    start = path.index(standard_library) if standard_library in path else 0
    return _PROGRAM.format(
        python_first=path[start:] + path[:start], path=path, descriptor=descriptor
    )


def needed_state(step: ExecutionStep, state: KnownExecutionState) -> KnownExecutionState:
    """The part of a run's known state that this step's plan is built from.

    Dagster sends each step all dynamic outputs of the run, and each step builds a plan of them all: at
    1,000 outputs that takes 0.08 s a step, and grows with their number.
    """
    inputs = [step_input.get_step_output_handle_dependencies() for step_input in step.step_inputs]
    needed = {handle for handles in inputs for handle in handles}
    keys = {handle.mapping_key for handle in needed}
    keys |= {_mapping_key(name) for name in (step.key, *(handle.step_key for handle in needed))}
    mappings = {
        source: {
            output: found and [key for key in found if key in keys]
            for output, found in outputs.items()
        }
        for source, outputs in state.dynamic_mappings.items()
    }
    return state._replace(
        dynamic_mappings=mappings, ready_outputs=needed.intersection(state.ready_outputs)
    )


def _mapping_key(step_key: str) -> str | None:
    return getattr(StepHandle.parse_from_key(step_key), "mapping_key", None)


def _end(exit_code: int) -> str:
    """How a process has ended, for a sentence that begins with the process."""
    if exit_code < 0:
        return f"was ended by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"ended with exit code {exit_code}"
