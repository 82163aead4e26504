"""What `setup` has made in a worker process, which closes it before the process is killed: also in the middle of a call.

    parent                                            worker
    LEAVE_CALLS --> the thread that reads messages:   a signal to the main thread, which raises Stopped in a call
    CLOSE --------> the main thread:                  closes the value
              <---- (CLOSE, None)

A signal, because it ends a call that waits in C, such as time.sleep.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from fanout_pipeline.engine.calls.call_log import Recorder
from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control, Outcome
from fanout_pipeline.engine.calls.setup import WorkerValue
from fanout_pipeline.engine.model.errors import Stopped
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.sources.source import Chunk


class HeldValue:
    """The value of one run in this process. Created in its main thread."""

    def __init__(self, work: Work):
        assert work.setup is not None
        self._value = WorkerValue(work.setup, is_async(work.function), aside=False)
        self._is_calling = self._is_stopped = False
        # Without a meaning here: the terminal's reaches only the process that started this one.
        signal.signal(signal.SIGINT, self._leave)

    def process(
        self, work: Work, chunk: Chunk, control: Control, finish: Callable[..., Any]
    ) -> Outcome:
        """See `items.process_chunk`. Raises Stopped where the calls are to be left."""
        control = control._replace(stopped=lambda: self._is_stopped)
        try:
            self._is_calling = True
            if self._is_stopped:
                raise Stopped
            return self._value.process(process_chunk, work, chunk, control, finish)
        finally:
            self._is_calling = False

    def ready(self, recorder: Recorder) -> None:
        """Have setup make the value now."""
        self._value.ready(Control(recorder=recorder))

    def close(self) -> None:
        self._value.close()

    def stop(self) -> None:
        """From another thread: have the main thread leave its calls."""
        self._is_stopped = True
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)

    def _leave(self, number: int, frame: Any) -> None:
        if self._is_stopped and self._is_calling and not self._value.is_making:
            self._is_calling = False
            raise Stopped
