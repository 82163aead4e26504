"""A process in which strategies are run to be timed, and which can be ended with all that is in it.

    trials' step                              trial process
    Popen(a fresh interpreter) ------------->  imports what runs strategies
    Request: strategy, spec, options --------> runs it, as the step of an asset would
               <------------------------------ RunRecord, or an exception
    too late, or interrupted: SIGKILL to its process group
    None ------------------------------------> ends

One process for all runs, so that what is imported, made and kept in it is warm from the second run on.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fanout_pipeline.engine.functions.serialize import sent
from fanout_pipeline.engine.model.errors import WorkerDied
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.engine.system.numeric import worker_environment
from fanout_pipeline.engine.system.process_end import how_ended
from fanout_pipeline.engine.system.signals import WAIT_SECONDS, interrupts_held
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.workers.protocol import Channel
from fanout_pipeline.measuring.limits import TookTooLong

_END_SECONDS = 10.0


class Request(NamedTuple):
    """One run of a strategy."""

    strategy: str
    """One of the registry."""
    spec: bytes
    """A FanoutSpec, pickled, with its source's path made absolute."""
    folder: Path
    options: Options
    chunks: int | None
    warm_runs: int
    surroundings: Surroundings


Runs = Callable[..., RunRecord]
"""As `run_here` and `TrialProcess.run`."""


def run_here(
    strategy: Strategy,
    spec: FanoutSpec,
    folder: Path,
    options: Options,
    *,
    chunks: int | None = None,
    warm_runs: int = 0,
    limit_seconds: float | None = None,
) -> RunRecord:
    """Run a strategy in this process."""
    from fanout_pipeline.engine.run import run_strategy
    from fanout_pipeline.engine.system.usage import reset_peak

    reset_peak()
    return run_strategy(strategy, spec, folder, options, chunks=chunks, warm_runs=warm_runs)


class TrialProcess:
    """The parent's side."""

    def __init__(self, temporary: str):
        self._temporary = temporary
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._warm: set[str] | None = None
        """What has run in a process that is not the first; None: it is the first."""
        self._sent: dict[int, tuple[FanoutSpec, bytes | None]] = {}

    def run(
        self,
        strategy: Strategy,
        spec: FanoutSpec,
        folder: Path,
        options: Options,
        *,
        chunks: int | None = None,
        warm_runs: int = 0,
        limit_seconds: float | None = None,
    ) -> RunRecord:
        """Run a strategy there. Raises what it raises, or TookTooLong.

        A function that cannot be sent is run here, without a limit.
        """
        pickled = self._pickled(spec)
        if pickled is None:
            return run_here(strategy, spec, folder, options, chunks=chunks, warm_runs=warm_runs)
        here = Surroundings.here()
        request = Request(strategy.name, pickled, folder, options, chunks, warm_runs, here)
        if self._process is None:
            self.start()
        if self._warm is not None and strategy.name not in self._warm:
            # It replaces another process, in which what all first runs pay was paid already.
            self._warm.add(strategy.name)
            self._asked(request._replace(warm_runs=0), limit_seconds)
        return self._asked(request, limit_seconds)

    def _pickled(self, spec: FanoutSpec) -> bytes | None:
        # Once: the same bytes are the same function there, with what it keeps from run to run.
        if id(spec) not in self._sent:
            try:
                pickled = sent(spec, spec.function)
            except TypeError:
                pickled = None
            self._sent[id(spec)] = spec, pickled
        return self._sent[id(spec)][1]

    def start(self) -> None:
        """Start it, and wait until it has imported what it needs."""
        ours, theirs = socket.socketpair()
        program = (
            f"from fanout_pipeline.measuring.trial_process import serve\nserve({theirs.fileno()})"
        )
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
        self._heard(None)

    def _asked(self, request: Request, limit_seconds: float | None) -> RunRecord:
        assert self._channel is not None
        with suppress(ConnectionError):  # It is dead, as will be heard.
            self._channel.send(pickle.dumps(request))
        until = None if limit_seconds is None else time.monotonic() + limit_seconds
        answer = self._heard(until)
        if answer is None:
            assert limit_seconds is not None
            self.kill()
            raise TookTooLong(limit_seconds)
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, RunRecord)
        return answer

    def _heard(self, until: float | None) -> Any:
        """Its next message; None once it is too late. It is killed where an interrupt comes first."""
        try:
            return self._message(until)
        except EOFError:
            assert self._process is not None
            self._process.wait()
            how = how_ended(self._process.returncode)
            self.kill()
            raise WorkerDied(f"The process of the trials {how} during a run.") from None
        except BaseException:
            self.kill()
            raise

    def _message(self, until: float | None) -> Any:
        assert self._channel is not None
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        while (message := self._channel.receive_ready()) is None:
            left = WAIT_SECONDS if until is None else until - time.monotonic()
            if left <= 0:
                return None
            poll.poll(1000 * min(left, WAIT_SECONDS))
        return pickle.loads(message)

    def kill(self) -> None:
        """End it with all its workers, if it is there; another is started for the next run."""
        if self._process is None or self._channel is None:
            return
        with interrupts_held():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._channel.close()
            self._process = self._channel = None
            self._warm = set()

    def finish(self) -> None:
        """Let it end by itself."""
        if self._process is None or self._channel is None:
            return
        with suppress(ConnectionError, subprocess.TimeoutExpired):
            self._channel.send(pickle.dumps(None))
            self._process.wait(_END_SECONDS)
        self.kill()


@contextmanager
def trial_process() -> Iterator[TrialProcess]:
    """A process for the runs of the block, gone at its end."""
    # What is killed removes nothing of what it has put there.
    with tempfile.TemporaryDirectory(prefix="fanout-", ignore_cleanup_errors=True) as temporary:
        process = TrialProcess(temporary)
        try:
            process.start()
            yield process
            process.finish()
        finally:
            process.kill()


def serve(descriptor: int) -> None:
    """The program of the trial process: runs what it is asked to until it is sent None."""
    import fanout_pipeline.engine.run  # noqa: F401
    from fanout_pipeline.engine.registry import STRATEGIES
    from fanout_pipeline.engine.system.process_end import end_with
    from fanout_pipeline.engine.workers.main import Parent
    from fanout_pipeline.engine.workers.protocol import READY

    parent_pid = os.getppid()
    os.set_inheritable(descriptor, False)
    parent = Parent(Channel(descriptor))
    end_with(parent_pid)
    parent.send(READY)
    while (request := parent.receive()[1]) is not None:
        try:
            spec = _read(request.spec, request.strategy)
            request.surroundings.take_on()
            answer: Any = run_here(
                STRATEGIES[request.strategy],
                spec,
                request.folder,
                request.options,
                chunks=request.chunks,
                warm_runs=request.warm_runs,
            )
        except BaseException as error:
            from fanout_pipeline.engine.model.errors import sendable

            answer = sendable(error)
        parent.send(answer)


@lru_cache(32)
def _read(message: bytes, strategy: str) -> FanoutSpec:
    """One for each strategy: what a function that travels by value keeps from its calls here, as a
    client, could not be sent on to the workers of another."""
    spec: FanoutSpec = pickle.loads(message)
    return spec
