"""What a worker is sent before its first chunk of a run: the work, as far as it needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.calls.typed import stated
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.workers.relayed_logs import log_levels


def introduction(
    work: Work, source: Any, sendable_bytes: int, log: Callable[[str], object]
) -> bytes:
    """The message, pickled. `source`: what all workers read; None: it is sent with each chunk.

    `sendable_bytes`: how much of its results the worker may send. Raises TypeError where something cannot be sent.
    """
    # Not the batch function: what its module imports would be imported for nothing.
    slim = replace(work, chunks=(), finished=(), batch_function=None, seen=None)
    slim = replace(slim, arrivals=None, spooled=None, source=source)
    message = ("work", slim, log_levels(), sendable_bytes)
    return pickle_with_function(message, stated(work.function), work.source, log, setup=work.setup)
