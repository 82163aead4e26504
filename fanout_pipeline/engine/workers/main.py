"""The main program of one worker process, started by `pool`.

    receives                                        answers
    ("work", Work, levels of loggers, bytes)
    ("chunk", Order), after that, any number        (DONE, Outcome, results or None), or an exception;
                                                    without an Outcome where a budget allows no call
    HELLO                                           (READY, seconds of the user's imports and setup)
    WARM_UP                                         (READY, None)
    CLOSE, perhaps after LEAVE_CALLS                (CLOSE, None), when what `setup` has made is closed
    (CALL, function of a callable that sends)       whatever it sends: see `repeated_calls` and `apart`
    None                                            ends

`bytes` says how much of its results it may send: see `handing_back`. Records of `logging` are sent at once: see
`log_records`. A worker imports neither dagster nor pandas unless the user's function does, and not the parent's
`__main__`. It ends as soon as its channel does, also in the middle of a chunk: a worker never outlives the
process that started it, however that one died. On Linux this holds in C code that keeps the GIL, too, for its
guard ends it (see `guard`); elsewhere it ends after such a call.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from fanout_pipeline.engine.calls.call_log import Recorder
from fanout_pipeline.engine.workers.parent import Parent
from fanout_pipeline.engine.workers.protocol import (
    CALL,
    CLOSE,
    DONE,
    HELLO,
    READY,
    WARM_UP,
    Channel,
    Order,
)

if TYPE_CHECKING:
    from fanout_pipeline.engine.workers.handing_back import HandingBack
    from fanout_pipeline.engine.workers.held_value import HeldValue


def main(descriptor: int, call_log: int, cpu_seconds: float) -> None:
    """Serve the channel on a file descriptor until the parent sends None.

    Calls are recorded on the other descriptor (see `call_log`). `cpu_seconds` is what the interpreter had
    used before it became this process (see `guard`).
    """
    # Ctrl-C reaches the whole foreground group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Programs that the function starts must not hold the channel open.
    os.set_inheritable(descriptor, False)
    parent = Parent(Channel(descriptor))
    parent.send((READY, (os.getpid(), cpu_seconds)))
    # Imports come after that: the parent can go on, and cut the source, meanwhile.
    began = time.perf_counter()
    recorder = Recorder(call_log)
    parent.cut = recorder.cut
    # A process that is killed has no time to write what it has printed; and lines of several workers stay whole.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    import fanout_pipeline.engine.calls.items  # noqa: F401
    from fanout_pipeline.engine.system.malloc import keep_freed_memory
    from fanout_pipeline.engine.workers.handing_back import HandingBack
    from fanout_pipeline.engine.workers.log_records import LogRecords

    keep_freed_memory()
    logs = LogRecords(parent.send_during_call, recorder)
    work, handing_back, value = None, HandingBack(0), None
    imported, theirs = time.perf_counter() - began, 0.0
    while True:
        received, message = parent.receive()
        match message:
            case None:
                _close(value)
                _end()
            case ("work", work, levels, sendable_bytes):
                _close(value)
                value = _value_of(work, parent)
                handing_back = HandingBack(sendable_bytes, work.generation.in_memory)
                logs.follow(levels)
                work.surroundings.apply()
                # To unpickle it has imported the user's module, which counts as imports of the first chunk.
                theirs = time.perf_counter() - received
                imported += theirs
            case ("chunk", order):
                parent.send(_answer(work, order, recorder, handing_back, imported, value))
                imported = 0.0
            case str() if message == HELLO:
                parent.send(_ready(value, recorder, theirs))
            case str() if message == CLOSE:
                _close(value)
                value = None
                parent.send((CLOSE, None))
            case str() if message == WARM_UP:
                with suppress(Exception):  # It would be raised again in the next run.
                    from fanout_pipeline.engine.calls.imports import rehearse

                    rehearse()
                parent.send((READY, None))
            case (kind, function) if kind == CALL:
                logs.follow({})  # Nobody writes down what it logs.
                function(parent.send)


def _value_of(work: Any, parent: Parent) -> HeldValue | None:
    """What `setup` makes here for this run, nothing yet; None if there is no setup."""
    if work.setup is None:
        return None
    from fanout_pipeline.engine.workers.held_value import HeldValue

    value = HeldValue(work)
    parent.leave_calls = value.stop
    return value


def _ready(value: HeldValue | None, recorder: Recorder, imported: float) -> Any:
    """The answer of a worker that joins a run, once it could begin to call: the seconds that imports and setup took."""
    began = time.perf_counter()
    try:
        if value is not None:
            value.ready(recorder)
    except BaseException as error:
        from fanout_pipeline.engine.model.errors import picklable

        return picklable(error)
    return READY, imported + time.perf_counter() - began


def _close(value: HeldValue | None) -> None:
    if value is not None:
        value.close()


def _answer(
    work: Any,
    order: Order,
    recorder: Recorder,
    handing_back: HandingBack,
    imported: float,
    value: HeldValue | None,
) -> Any:
    """Do a chunk. `imported`: the seconds that imports have taken since the chunk before."""
    from fanout_pipeline.engine.calls.items import process_chunk
    from fanout_pipeline.engine.calls.outcome import Control

    recorder.begin(order.chunk.number, order.announce)
    if order.source is not None:
        work = replace(work, source=order.source)
    try:
        control = Control(order.seconds, recorder=recorder, failure=order.failure)
        process = process_chunk if value is None else value.process
        outcome = process(work, order.chunk, control, handing_back.part)
    except BaseException as error:
        from fanout_pipeline.engine.model.errors import Spent, picklable

        if isinstance(error, Spent):
            return DONE, None, None
        return picklable(error)
    if outcome.error is not None:
        from fanout_pipeline.engine.model.errors import picklable

        outcome = outcome._replace(error=picklable(outcome.error))
    outcome = outcome._replace(import_seconds=outcome.import_seconds + imported)
    return DONE, outcome, handing_back.results


def _end() -> NoReturn:
    """End as multiprocessing's children do: what was printed is kept, the interpreter not torn down.

    To take it apart object by object takes 0.1 s where Arrow was imported.
    """
    if "fanout_pipeline.engine.calls.event_loop" in sys.modules:
        from fanout_pipeline.engine.calls.event_loop import close

        close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
