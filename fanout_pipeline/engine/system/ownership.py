"""Whose a folder is: the process that works on what is in it, told from a later one of the same number."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from fanout_pipeline.results.store.generation import Generation, read_file, write_text

_OWNER = "_owner"
_OWNER_BEFORE = "owner"
"""The name of the file in results of earlier versions."""


def own(generation: Generation) -> None:
    """Say that this process works on it now, or the one that started it through multiprocessing."""
    owner = json.dumps(_owner())
    with suppress(FileNotFoundError):
        if read_file(generation, _OWNER) == owner.encode():
            return
    write_text(generation, _OWNER, owner)


def owner_of_is_gone(generation: Generation) -> bool:
    """Whether its owner, on this host, has ended; false where that cannot be known."""
    try:
        name = _OWNER if generation.size(_OWNER) >= 0 else _OWNER_BEFORE
        host, pid, created = json.loads(read_file(generation, name))
        here = bool(host == socket.gethostname())
        return here and birth(pid) != created
    except psutil.NoSuchProcess:
        return True
    except (OSError, ValueError):
        return False


def _owner() -> tuple[str, int, str]:
    parent = multiprocessing.parent_process()
    pid = os.getpid() if parent is None or parent.pid is None else parent.pid
    return socket.gethostname(), pid, birth(pid)


def birth(pid: int) -> str:
    """What tells a process from a later one of the same number, whatever is done to the clock.

    Linux says how long after it was booted: psutil makes a time of day of it, by today's clock.
    """
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            return status.read_text(errors="replace").rpartition(")")[2].split()[19]
        except (FileNotFoundError, ProcessLookupError):
            raise psutil.NoSuchProcess(pid) from None
    return str(psutil.Process(pid).create_time())
