"""The process that starts the steps of one run: it has everything a step needs, loaded once.

    executor                          server                        step
    ForkedSteps.start --------------> imports, code location,
                                      instance, job: `ready`
    launch(step) -------------------> fork -----------------------> executes its part of the plan
    interrupt(step) ----------------> SIGINT ---------------------> raises in the step's function
           <------ ended(step, code)  <---------------------------- exits
    end of the executor, in any way > kills what is left, ends

An interpreter of its own, which has no thread but the main one and no open database, so that it may
be forked. Dagster's storages connect anew for each operation. Where the code location has started
threads there, steps are not forked: each is a new interpreter (`spawn`) that loads it by itself.
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

from fanout_pipeline.defs.ending_with import ending_with
from fanout_pipeline.defs.foreign_threads import ThreadWatch
from fanout_pipeline.defs.step_messages import Ended, Interrupt, Launch, Ready
from fanout_pipeline.defs.step_process import SIGNALS, LoadedRun, forked, fresh

_LIVENESS_SECONDS = 1.0


@dataclass
class _Server:
    connection: Connection
    loaded: LoadedRun
    forks: bool
    """Whether steps are forked."""
    steps: dict[int, BaseProcess] = field(default_factory=dict)

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
            process = self._step(message)
            process.start()
            self.steps[message.number] = process
        elif message.number in self.steps:
            # Not yet waited for, so the process id is still its own.
            os.kill(self.steps[message.number].pid or 0, signal.SIGINT)

    def _step(self, launch: Launch) -> BaseProcess:
        if self.forks:
            arguments = (self.connection, self.loaded, launch)
            return multiprocessing.get_context("fork").Process(target=forked, args=arguments)
        setup = self.loaded.setup
        return multiprocessing.get_context("spawn").Process(target=fresh, args=(setup, launch))

    def _tell_ended(self) -> None:
        # Asked one by one: a process that a step left behind keeps the step's sentinel open.
        for number, step in list(self.steps.items()):
            if step.exitcode is not None:
                del self.steps[number]
                self.connection.send(Ended(number, step.exitcode))


def main(descriptor: int) -> None:
    """The program of the server; `descriptor` is its end of the pipe from the executor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the executor's business
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
            with ThreadWatch("loading the code location") as watch:
                loaded = LoadedRun(setup)
            threads = watch.told()
            if threads is not None:
                loaded.instance.report_engine_event(_not_forked(threads), setup.run)
    except BaseException:
        connection.send(Ready(traceback.format_exc()))
        return
    if threads is not None:
        # The first process that is spawned starts this one, which lets signals through again.
        resource_tracker.ensure_running()
    signal.pthread_sigmask(
        signal.SIG_BLOCK, SIGNALS
    )  # So may any module that makes a lock or a pool.
    # What is there now is never collected, so that a step's collector does not copy its pages.
    gc.collect()
    gc.freeze()
    connection.send(Ready(None))
    _Server(connection, loaded, forks=threads is None).serve()


def _not_forked(threads: str) -> str:
    return (
        f"Steps of this run are not forked: {threads}, and a process that is forked beside threads can "
        "hang for good. Each step is a new interpreter instead, which loads the "
        "code location by itself, in a second or more. For steps that cost less, let no import start "
        "threads: do what starts them (a query, reading a file with threads, a client that is opened) "
        "in the function or in a resource, or import that module there."
    )
