"""What a run asks of a lane, and what it is answered."""

from __future__ import annotations

from typing import Any, NamedTuple

from fanout_pipeline.engine.scheduling.suspects import Death
from fanout_pipeline.engine.system.usage import ProcessUsage


class Request(NamedTuple):
    """What a lane is to have its process do."""

    message: bytes
    """What the process is sent, and answers."""
    introduction: tuple[bytes, bytes] | None = None
    """What it is sent before that: a probe, which answers, and the work of the run."""
    chunk: int | None = None
    """The number of the chunk, if it is one."""
    seconds: float = 0.0
    """The chunk is cut short after this many seconds of calls."""
    item_timeout_seconds: float | None = None
    memory_mb: int | None = None


class Answer(NamedTuple):
    """What has come of it."""

    message: bytes | None
    """The answer of the process; None where it has died."""
    pid: int = 0
    logged: tuple[bytes, ...] = ()
    """The records of `logging` that it has sent meanwhile."""
    left_out: tuple[int, Any] = (0, None)
    """See `CallLog.kept`."""
    death: Death | None = None
    used: ProcessUsage | None = None
    full: bool = False
    """Whether another process should take its place."""
    sent_bytes: int = 0


def gone(how: str) -> Answer:
    """The answer of a lane that there is not, or not any more; `how`: see `Death.how`."""
    return Answer(None, death=Death(how, 0.0, begun=False, foreign=True))
