"""A process in which strategies are run to be timed, and which can be ended with everything in it.

    the trials' step                          trial process
    Popen(a fresh interpreter) ------------->  imports what runs strategies
    a request, the spec pickled -------------> runs it, as the step of an asset would
               <------------------------------ RunRecord, or an exception
    too late, or interrupted: SIGKILL to its process group
    None ------------------------------------> ends

One process makes all runs, so that what it imports, creates and keeps is warm from the second run on.
A thread that hangs in the user's function can be ended in no other way.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.system.blas_threads import worker_environment
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.engine.system.process import how_ended
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.workers.protocol import Channel
from fanout_pipeline.measuring.trials.time_limit import TookTooLong

_END_SECONDS = 10.0


class RunRequest(NamedTuple):
    """One run of a strategy."""

    strategy: Strategy
    spec: FanoutSpec
    """The fan-out, with its source's path made absolute."""
    folder: Path
    """Where the results are written."""
    options: Options
    warm_runs: int = 0


class Runner:
    """Runs strategies to be timed: in this process, where nothing can end one that hangs."""

    def run(self, request: RunRequest, limit_seconds: float | None = None) -> RunRecord:
        """Run a strategy. Raises what it raises, and TookTooLong where it could be ended."""
        from fanout_pipeline.engine.run import run_strategy
        from fanout_pipeline.engine.system.usage import reset_peak

        reset_peak()
        strategy, spec, folder, options, warm_runs = request
        return run_strategy(strategy, spec, folder, options, warm_runs=warm_runs)

    def remark(self, spec: FanoutSpec) -> str:
        """What a reader has to know of runs of this fan-out; empty if nothing."""
        return ""


class TrialProcess(Runner):
    """Runs strategies in a process that can be ended; the parent's side of it."""

    def __init__(self, temporary: str):
        self._temporary = temporary
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._warmed_up: set[str] | None = None
        """The strategies that have run in a process that replaces another; None in the first process."""
        self._pickled: dict[int, tuple[FanoutSpec, bytes | TypeError]] = {}

    def run(self, request: RunRequest, limit_seconds: float | None = None) -> RunRecord:
        """Run a strategy there; in this process, without a limit, if the function cannot be sent."""
        pickled = self._pickle(request.spec)
        if isinstance(pickled, TypeError):
            return super().run(request)
        if self._process is None:
            self.start()
        name = request.strategy.name
        if self._warmed_up is not None and name not in self._warmed_up:
            # In the process that this one replaces, what all first runs pay was paid already.
            self._warmed_up.add(name)
            self._ask(request._replace(warm_runs=0), pickled, limit_seconds)
        return self._ask(request, pickled, limit_seconds)

    def remark(self, spec: FanoutSpec) -> str:
        pickled = self._pickle(spec)
        if not isinstance(pickled, TypeError):
            return ""
        return (
            f"Strategies ran in the step's process, where a hung trial cannot be killed: {pickled}"
        )

    def _pickle(self, spec: FanoutSpec) -> bytes | TypeError:
        # Once: for the process, the same bytes are the same function, with what it keeps between runs.
        if id(spec) not in self._pickled:
            try:
                setup = setup_of(spec)
                sent = spec if setup is None else replace(spec, resources=setup.resources)
                pickled: bytes | TypeError = pickle_with_function(
                    sent, spec.function, spec.source, setup=setup
                )
            except TypeError as error:
                pickled = error
            self._pickled[id(spec)] = spec, pickled
        return self._pickled[id(spec)][1]

    def start(self) -> None:
        """Start the process, and wait until it has imported what it needs."""
        ours, theirs = socket.socketpair()
        program = f"from {__name__} import serve\nserve({theirs.fileno()})"
        with interrupts_held():
            self._process = subprocess.Popen(
                command(program),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=worker_environment() | {"TMPDIR": self._temporary},
                start_new_session=True,
            )
            theirs.close()
            self._channel = Channel(ours.detach())
        self._receive(None)

    def _ask(self, request: RunRequest, pickled: bytes, limit_seconds: float | None) -> RunRecord:
        assert self._channel is not None
        _, _, *how = request
        message = (request.strategy.name, pickled, Surroundings.current(), how)
        with suppress(ConnectionError):  # The process is dead, as receiving will show.
            self._channel.send(pickle.dumps(message))
        answer = self._receive(None if limit_seconds is None else time.monotonic() + limit_seconds)
        if answer is None:
            assert limit_seconds is not None
            self.kill()
            raise TookTooLong(limit_seconds)
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, RunRecord)
        return answer

    def _receive(self, until: float | None) -> Any:
        """The next message, or None when it is too late. An interrupt kills the process."""
        assert self._channel is not None
        assert self._process is not None
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        try:
            while (message := self._channel.receive_ready()) is None:
                left = WAIT_SECONDS if until is None else until - time.monotonic()
                if left <= 0:
                    return None
                poll.poll(1000 * min(left, WAIT_SECONDS))
            return pickle.loads(message)
        except EOFError:
            self._process.wait()
            how = how_ended(self._process.returncode)
            self.kill()
            raise WorkerDied(f"The process of the trials {how} during a run.") from None
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process with all its workers, if there is one. The next run starts another."""
        if self._process is None or self._channel is None:
            return
        with interrupts_held():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._channel.close()
            self._process = self._channel = None
            self._warmed_up = set()

    def finish(self) -> None:
        """Let the process end by itself."""
        if self._process is None or self._channel is None:
            return
        with suppress(ConnectionError, subprocess.TimeoutExpired):
            self._channel.send(pickle.dumps(None))
            self._process.wait(_END_SECONDS)
        self.kill()


@contextmanager
def trial_process() -> Iterator[TrialProcess]:
    """A process for the runs of the block, gone at its end."""
    # A process that is killed removes nothing from its temporary folder.
    with tempfile.TemporaryDirectory(prefix="fanout-", ignore_cleanup_errors=True) as temporary:
        process = TrialProcess(temporary)
        try:
            process.start()
            yield process
            process.finish()
        finally:
            process.kill()


def serve(descriptor: int) -> None:
    """The program of the trial process: makes the runs that it is asked for until it is sent None."""
    import fanout_pipeline.engine.run  # noqa: F401
    from fanout_pipeline.engine.registry import STRATEGIES
    from fanout_pipeline.engine.system.process import end_with
    from fanout_pipeline.engine.workers.apart import keep
    from fanout_pipeline.engine.workers.parent import Parent
    from fanout_pipeline.engine.workers.protocol import READY

    keep()
    parent_pid = os.getppid()
    os.set_inheritable(descriptor, False)
    parent = Parent(Channel(descriptor))
    end_with(parent_pid)
    parent.send(READY)
    while (message := parent.receive()[1]) is not None:
        strategy, pickled, surroundings, how = message
        try:
            spec = _read(pickled, strategy)
            surroundings.apply()
            answer: Any = Runner().run(RunRequest(STRATEGIES[strategy], spec, *how))
        except BaseException as error:
            from fanout_pipeline.engine.model.errors import picklable

            answer = picklable(error)
        parent.send(answer)


@lru_cache(32)
def _read(pickled: bytes, strategy: str) -> FanoutSpec:
    """A copy for each strategy.

    What a function that travels by value keeps from its calls here, such as a client, could not be
    sent on to the workers of another strategy.
    """
    spec: FanoutSpec = pickle.loads(pickled)
    return spec
