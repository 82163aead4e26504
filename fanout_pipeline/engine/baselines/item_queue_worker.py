"""The worker's side of `item_queue`: take tasks until 'STOP', answer with one list of results."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

from fanout_pipeline.engine.baselines.multiprocessing_workers import (
    CallFailed,
    called_again,
    prepare_worker,
)
from fanout_pipeline.engine.calls.invoke import calling
from fanout_pipeline.engine.model.errors import (
    Failure,
    picklable,
    reraise_interrupt,
    unpickling_failed,
)
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.results.files.printable import printable

STOP = "STOP"

Task = tuple[Any, ...]
"""The item, last, and what goes with it. A tuple, so that no item is mistaken for 'STOP'."""
Serve = Callable[[Callable[[Any], Any], Task], Any]
"""What a worker does with a task, given the function."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker gives at the end of a run. Stamps are of time.perf_counter."""

    results: bytes
    """The list of its results, pickled, with a Failure in the place of each item in quarantine."""
    began: float
    """When it had received the function, not yet unpickled."""
    import_seconds: float
    """Unpickling the function, which imports its module."""
    get_seconds: float
    """Waiting for tasks and unpickling them."""
    call_seconds: float
    pickle_seconds: float
    """Pickling the results."""
    pickle_cpu_seconds: float
    ended: float


def serve_runs(control: Any, inputs: Any) -> None:
    """A worker's program: a run for each message, as `_answer` reads it, until the parent hangs up."""
    prepare_worker()
    control.send("ready")
    while True:
        try:
            message = control.recv_bytes()
        except EOFError:
            return
        control.send(_answer(message, inputs, time.perf_counter()))


def _answer(message: bytes, inputs: Any, began: float) -> Answer | BaseException:
    try:
        serve, function, policy, surroundings = pickle.loads(message)
        surroundings.take_on()
    except BaseException as error:
        return unpickling_failed(error)
    try:
        with calling(function) as call:
            return _serve_run(serve, call, policy, inputs, began)
    except BaseException as error:
        return picklable(error)


def _serve_run(
    serve: Serve, function: Callable[[Any], Any], policy: FailurePolicy, inputs: Any, began: float
) -> Answer | Exception:
    clock = time.perf_counter
    results = []
    getting = calling = 0.0
    served = imported = clock()
    for task in iter(inputs.get, STOP):
        # Two looks at the clock an item: what the loop itself takes is in one or the other.
        taken = clock()
        getting += taken - served
        try:
            results.append(serve(function, task))
        except BaseException as error:
            reraise_interrupt(error)
            result = called_again(partial(serve, function, task), policy, error, task[-1])
            if isinstance(result, Failure):
                if not policy.quarantines:
                    return CallFailed(task, result)
                # As the result would be sent, with an index if that is.
                result = serve(partial(_given, replace(result, index=task[0])), task)
            results.append(result)
        served = clock()
        calling += served - taken
    stopped, cpu_stopped = clock(), time.thread_time()
    try:
        pickled = bytes(ForkingPickler.dumps(results))
    except Exception as error:
        return TypeError(
            f"The function's results cannot be sent between processes: {printable(str(error))}"
        )
    ended = clock()
    return Answer(
        results=pickled,
        began=began,
        import_seconds=imported - began,
        get_seconds=getting + (stopped - served),
        call_seconds=calling,
        pickle_seconds=ended - stopped,
        pickle_cpu_seconds=time.thread_time() - cpu_stopped,
        ended=ended,
    )


def _given(result: Any, item: Any) -> Any:
    return result
