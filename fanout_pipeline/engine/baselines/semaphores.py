"""The semaphores of multiprocessing have names on Linux, which outlive processes that are all killed at once.

Python's resource tracker removes them, if it is not killed, too. So those of a run are named after its
process, and the next run removes what belongs to a process that is gone.
"""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/dev/shm")  # noqa: S108 (where glibc keeps them)
_PREFIX = "fanout"


def name_semaphores() -> None:
    """Have this process name its semaphores so from now on, and remove those of others that are gone."""
    from fanout_pipeline.engine.system.process import start_time

    config = getattr(multiprocessing.current_process(), "_config", {})
    # Nobody documents it, but there is no other way; without it they are named as ever.
    if "semprefix" not in config or not _FOLDER.is_dir():
        return
    config["semprefix"] = f"/{_PREFIX}.{_pid_namespace()}.{os.getpid()}.{start_time(os.getpid())}"
    for path in _FOLDER.glob(f"sem.{_PREFIX}.{_pid_namespace()}.*"):
        # What is named in another way, or of somebody whose processes may not be seen, is let be.
        with suppress(OSError, ValueError):
            _, _, _, pid, since = path.name.partition("-")[0].split(".")
            if start_time(int(pid)) != since:
                path.unlink()


def _pid_namespace() -> int:
    """Containers may share the folder, where each has processes of its own."""
    return os.stat("/proc/self/ns/pid").st_ino
