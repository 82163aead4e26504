"""Which process works on a generation that several may share."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from contextlib import suppress

from fanout_pipeline.engine.system.process import start_time
from fanout_pipeline.results.store.generation import Generation, read_file, write_text

_OWNER = "_owner"


def claim(generation: Generation) -> None:
    """Record that this process, or the one that started it by multiprocessing, works on a generation."""
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    owner = json.dumps((socket.gethostname(), pid, start_time(pid)))
    with suppress(FileNotFoundError):
        if read_file(generation, _OWNER) == owner.encode():
            return
    write_text(generation, _OWNER, owner)


def owner_has_ended(generation: Generation) -> bool:
    """Whether the process that claimed the generation has ended; False where that cannot be known."""
    try:
        host, pid, started = json.loads(read_file(generation, _OWNER))
        return bool(host == socket.gethostname()) and start_time(pid) != started
    except (OSError, ValueError):
        return False
