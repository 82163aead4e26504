"""The executor's side of the step server: starts it, asks it for steps, hears of their ends."""

import signal
import subprocess
import time
from collections.abc import Iterator
from multiprocessing import Pipe

import dagster as dg
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepHandler,
    StepHandlerContext,
)

from fanout_pipeline.defs.step_messages import Ended, Interrupt, Launch, Ready, Setup
from fanout_pipeline.engine.system.interpreter import command

_PROGRAM = """\
from fanout_pipeline.defs.step_server import main
main({descriptor})
"""
CLEANING_UP_SECONDS = 7.0
"""What a step has from its interrupt on. Workers that a strategy has to kill take up to 5 s of it."""
_KILLED_SECONDS = 1.0


class StepServerFailed(Exception):
    """The process that steps are started from could not load, or has died."""


class ForkedSteps(StepHandler):
    """Has the step server launch each step."""

    def __init__(self) -> None:
        self._running: dict[int, str] = {}
        """Step keys of the processes that have not ended, by the processes' numbers."""
        self._latest: dict[str, int] = {}
        """The number of each step's last process."""
        self._exit_codes: dict[int, int] = {}
        self.news = True
        """Whether the event log may have something that the executor has not read."""

    @property
    def name(self) -> str:
        return "ForkedSteps"

    def start(self, setup: Setup) -> None:
        """Start the server; it loads while the executor goes on."""
        self._connection, theirs = Pipe()
        program = _PROGRAM.format(descriptor=theirs.fileno())
        self._server = subprocess.Popen(
            command(program), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
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
            if number not in self._running and not self.news:
                self.news = True  # the executor writes down what it makes of this
                told = _told(None if number is None else self._exit_codes[number])
                reason = f"its process {told} and had recorded no end of the step"
                return CheckStepHealthResult.unhealthy(reason)
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        for key in step_handler_context.execute_step_args.step_keys_to_execute or ():
            self._interrupt(key)
        return iter(())

    def wait(self, seconds: float) -> None:
        """Until a step has ended, at most so long."""
        while self._running and self._connection.poll(0 if self.news else seconds):
            self._heard(self._receive())

    def close(self) -> list[str]:
        """End the server and what still runs; which steps did not end in time when interrupted.

        Interrupted first, so that they clean up. Who is not done with that in time is killed by the
        server, or with it.
        """
        try:
            for key in set(self._running.values()):
                self._interrupt(key)
            deadline = time.monotonic() + CLEANING_UP_SECONDS
            while self._running and self._connection.poll(max(0, deadline - time.monotonic())):
                self._heard(self._receive())
        except StepServerFailed:
            pass  # the steps have ended with it
        finally:
            self._connection.close()
            try:
                self._server.wait(_KILLED_SECONDS)
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
            self.wait(0)  # what it said last
            raise self._lost() from error

    def _receive(self) -> Ready | Ended:
        try:
            message: Ready | Ended = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        return message

    def _heard(self, message: Ready | Ended) -> None:
        if isinstance(message, Ended):
            del self._running[message.number]
            self._exit_codes[message.number] = message.exit_code
            self.news = True
        elif message.error:
            self._running = {}
            raise StepServerFailed(
                "The process that steps are started from could not load the code location, the "
                f"instance or a module of `preload`:\n{message.error}"
            )

    def _lost(self) -> StepServerFailed:
        steps, self._running = sorted(self._running.values()), {}
        return StepServerFailed(
            f"The process that steps are started from {_told(self._server.wait())}, and the steps "
            f"{steps} with it. If it was killed, look for the out-of-memory killer's message in "
            "the system's log."
        )


def needed_state(step: ExecutionStep, state: KnownExecutionState) -> KnownExecutionState:
    """Of what is known of the run, what this step's part of the plan is built from.

    Dagster hands each step all dynamic outputs there are, and each builds the plan of them all: at
    1,000 of them 0.08 s a step, and with their number growing.
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


def _told(exit_code: int | None) -> str:
    if exit_code is None:
        return "was started by an executor that is gone"
    if exit_code < 0:
        return f"was ended by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"ended with exit code {exit_code}"
