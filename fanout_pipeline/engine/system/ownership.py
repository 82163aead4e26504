"""Whose a folder is: the process that works on what is in it, told from a later one of the same number."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from pathlib import Path

import psutil

from fanout_pipeline.results.files.atomic import write_text

_OWNER = "owner"


def own(folder: Path) -> None:
    """Say that this process works on it now, or the one that started it through multiprocessing."""
    owner, file = json.dumps(_owner()), folder / _OWNER
    if not file.exists() or file.read_text() != owner:
        write_text(file, owner, durable=False)


def owner_of_is_gone(folder: Path) -> bool:
    """Whether its owner, on this host, has ended; false where that cannot be known."""
    try:
        host, pid, created = json.loads((folder / _OWNER).read_text())
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
