"""A function called in a process of its own, which is killed in the end with all that it has started.

    ("call", call_here with function) ---------->  calls it
               <------------------- ("said", line) for each line that it logs
               <------------------- ("gave", what it returned), or the error that it raised

For libraries that cannot be relied upon to end: `multiprocessing` waits for ever for a lock that a killed
worker has held. So it is not asked to. The process has a guard, as every worker has (see `guard`), which
kills whatever is left when the call is over or interrupted, or when its caller has died.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from fanout_pipeline.engine.model.errors import WorkerDied, picklable
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.system.usage import reset_peak
from fanout_pipeline.engine.workers.process import WorkerProcess
from fanout_pipeline.engine.workers.protocol import CALL


class _Kept:
    """Whether the process is kept for the next call, and the process between two calls."""

    enabled = False
    process: WorkerProcess | None = None


def keep() -> None:
    """Have one process for all calls that this process makes from now on; it ends when this one does.

    So that the second call finds what the first has paid for: imports, a fork server.
    """
    _Kept.enabled = True
    atexit.register(_end_kept)


def _end_kept() -> None:
    if _Kept.process is not None:
        _end(_Kept.process)


def call_apart(function: Callable[..., Any], log: Callable[[str], object]) -> Any:
    """Call the function with `log=` and return what it returns. Raises what it raises.

    Function and arguments are sent by pickle. Raises WorkerDied where the process was killed.
    """
    process, _Kept.process = _Kept.process, None
    answered = False
    try:
        if process is not None and process.has_ended():  # It was killed between two calls.
            _end(process)
            process = None
        if process is None:
            with interrupts_held():
                process = WorkerProcess.start({"PYTHONWARNINGS": _warnings()})
        process.send((CALL, partial(call_here, function, Surroundings.current())))
        while True:
            match process.receive():
                case ("said", line):
                    log(line)
                case ("gave", answer):
                    answered = True
                    return answer
                case BaseException() as error:
                    raise error
    except EOFError:
        how = process.ended() if process else ""
        raise WorkerDied(
            f"The process that ran the strategy {how} before the run was over."
        ) from None
    finally:
        with interrupts_held():
            if answered and _Kept.enabled:
                _Kept.process = process
            elif process is not None:
                _end(process)


def _end(process: WorkerProcess) -> None:
    process.kill()
    process.wait()
    process.close()


def _warnings() -> str:
    """The filters of the environment, and one for what Python says of semaphores after a kill."""
    filters = (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker")
    return ",".join(filter(None, filters))


def call_here(
    function: Callable[..., Any], surroundings: Surroundings, tell: Callable[[Any], None]
) -> None:
    """In the process: call the function, and tell the caller what comes of it."""
    try:
        surroundings.apply()
        reset_peak()  # The process may have been kept from a larger call.
        answer: Any = ("gave", function(log=lambda line: tell(("said", line))))
    except BaseException as error:
        answer = picklable(error)
    tell(answer)
