"""The process that starts the steps of one run. It has loaded everything that they need.

    executor                          server                        step
    ForkedSteps.start --- Setup ----> imports preload and code
                                      location, opens instance
           <------------- Ready ----- and job
           ------------- Launch ----> forks ----------------------> executes its part of the plan
           ------------- Interrupt -> SIGINT ---------------------> raises in the step's function
           <------------- Ended ----- notices <-------------------- exits
    ends, however --- hang-up ------> kills what is left, ends

An interpreter of its own, with no thread but the main one and no open database, so that it may be
forked: Dagster's storages connect anew for each operation. Where the code location has started threads
in it, steps are not forked: each is a new interpreter (`spawn`) that loads everything by itself.
"""

import gc
import multiprocessing
import os
import signal
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from fanout_pipeline.executor.foreign_threads import ThreadWatch
from fanout_pipeline.executor.lifetime import exits_on_hang_up
from fanout_pipeline.executor.step_messages import Ended, Interrupt, Launch, Ready
from fanout_pipeline.executor.step_process import SIGNALS, LoadedRun, run_forked, run_spawned

_POLL_SECONDS = 1.0
"""A step's sentinel may stay open after its end: so often its exit code is asked for all the same."""


@dataclass
class _Server:
    connection: Connection
    loaded: LoadedRun
    forks: bool
    """Whether steps are forked rather than spawned."""
    steps: dict[int, BaseProcess] = field(default_factory=dict)
    """Processes that have not ended, by number."""

    def serve(self) -> None:
        """Until the executor closes its end, or dies."""
        try:
            while True:
                sentinels = [step.sentinel for step in self.steps.values()]
                ready = wait([self.connection, *sentinels], _POLL_SECONDS)
                if self.connection in ready:
                    self._handle(self.connection.recv())
                self._report_ended()
        finally:
            for step in self.steps.values():
                step.kill()

    def _handle(self, message: Launch | Interrupt) -> None:
        if isinstance(message, Launch):
            process = self._new_process(message)
            process.start()
            self.steps[message.number] = process
        elif message.number in self.steps:
            # It has not been waited for, so its process id cannot belong to another process.
            os.kill(self.steps[message.number].pid or 0, signal.SIGINT)

    def _new_process(self, launch: Launch) -> BaseProcess:
        if self.forks:
            arguments = (self.connection, self.loaded, launch)
            return multiprocessing.get_context("fork").Process(target=run_forked, args=arguments)
        setup = self.loaded.setup
        return multiprocessing.get_context("spawn").Process(
            target=run_spawned, args=(setup, launch)
        )

    def _report_ended(self) -> None:
        # Each is asked: a process that a step has left behind keeps the step's sentinel open.
        for number, step in list(self.steps.items()):
            if step.exitcode is not None:
                del self.steps[number]
                self.connection.send(Ended(number, step.exitcode))


def main(descriptor: int) -> None:
    """The program of the server; `descriptor` is its end of the pipe from the executor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the executor decides what they mean
    connection = Connection(descriptor)
    with suppress(EOFError, ConnectionError):  # the executor has gone
        _load_and_serve(connection)


def _load_and_serve(connection: Connection) -> None:
    setup = connection.recv()
    # dagster is imported by now: some 500,000 objects that live as long as the process. One full
    # collection among them, triggered by the few that the definitions add, would take half as long as
    # loading these.
    gc.freeze()
    try:
        with exits_on_hang_up(connection.fileno()):
            with ThreadWatch("loading the code location") as watch:
                loaded = LoadedRun(setup)
            threads = watch.describe()
            if threads is not None:
                loaded.instance.report_engine_event(_why_not_forked(threads), setup.run)
    except BaseException:
        connection.send(Ready(traceback.format_exc()))
        return
    if threads is not None:
        # The first process that is spawned starts the tracker, which unblocks signals.
        resource_tracker.ensure_running()
    # Again, for any module that makes a lock or a pool may have started the tracker, too.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    # What exists now is never collected, so that collections in a step do not copy its pages.
    gc.collect()
    gc.freeze()
    connection.send(Ready(None))
    _Server(connection, loaded, forks=threads is None).serve()


def _why_not_forked(threads: str) -> str:
    return (
        f"Steps of this run are not forked: {threads}, and a process that is forked while threads run "
        "can hang for good. Each step is a new interpreter instead, which loads the code location by "
        "itself, in a second or more. For cheaper steps, let no import start threads: move what starts "
        "them (a query, reading a file with threads, opening a client) into the function or into a "
        "resource, or import that module there."
    )
