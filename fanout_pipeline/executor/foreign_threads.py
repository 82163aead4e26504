"""Finds the threads of this process that a fork would lose, and the imports that started them.

A forked process has only the thread that forked: a lock that another thread held stays locked, a queue
that another served is served no more, and whoever waits for these waits for ever. Python knows the
threads that it has started; those of C, C++ and Rust libraries only the system knows.
"""

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

_HARMLESS = {"jemalloc_bg_thd"}
"""Names, as the system knows them, of threads that may be lost. jemalloc, which Arrow and Polars contain,
takes its own locks before a fork and starts anew after it, as glibc's allocator does."""
_TASKS = "/proc/self/task"
_TRIAL_FORK_SECONDS = 2.0
"""How long the trial fork may take before it is killed."""
_EXIT_SECONDS = 0.2
"""How long the system may go on listing a thread that has ended."""
_FILE_LOADERS = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class ThreadWatch(MetaPathFinder):
    """Within its `with` block, notes which module's import each new thread appeared in."""

    def __init__(self, default: str):
        """`default` describes what was going on where nothing was being imported."""
        self._default = default
        self._importing: list[str] = []
        self._seen = _ids()
        self._started: dict[int, str] = {}

    def __enter__(self) -> "ThreadWatch":
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.meta_path.remove(self)
        self._note_new()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders find, with a loader that is watched."""
        for finder in [other for other in sys.meta_path if other is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, _FILE_LOADERS):
                    self._watch(fullname, spec.loader)
                return spec
        return None

    def _watch(self, name: str, loader: Any) -> None:
        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # uncovers the class's own
            self._note_new()
            self._importing.append(f"importing {name}")
            try:
                loader.exec_module(module)
            finally:
                self._note_new()
                self._importing.pop()

        loader.exec_module = exec_module

    def _note_new(self) -> None:
        if _count() == len(self._seen):
            return
        now = _ids()
        for thread in now - self._seen:
            self._started[thread] = self._importing[-1] if self._importing else self._default
        self._seen = now

    def describe(self) -> str | None:
        """Which imports started the threads that a fork would lose; None if there are none."""
        names: dict[str, list[str]] = {}
        for thread, name in sorted(_lost_by_fork().items()):
            names.setdefault(self._started.get(thread, self._default), []).append(name)
        found = [f"{what} started {_summary(threads)}" for what, threads in names.items()]
        return "; ".join(found) or None


def _summary(names: list[str]) -> str:
    distinct = list(dict.fromkeys(filter(None, names)))
    more = ", …" if len(distinct) > 4 else ""
    known = f" ({', '.join(distinct[:4])}{more})" if distinct else ""
    return f"{len(names)} thread{'s'[: len(names) > 1]}{known}"


def _lost_by_fork() -> dict[int, str]:
    """Other threads, with their names, that still run after this process has forked.

    Careful libraries end their threads before a fork and start them again at the next use: OpenBLAS,
    which has one a core once NumPy is imported. A trial fork shows which do.
    """
    if not _others():
        return {}
    _fork_once()
    deadline = time.monotonic() + _EXIT_SECONDS
    while (left := _others()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _fork_once() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of the threads
        child = os.fork()
    if child == 0:
        os._exit(0)
    deadline = time.monotonic() + _TRIAL_FORK_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:  # a library's fork handler hangs by itself
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _others() -> dict[int, str]:
    """All other threads of this process by id, with their names; empty where the name is inherited."""
    python = {thread.native_id: thread.name for thread in threading.enumerate()}
    current = threading.get_native_id()
    own = _name(current)
    named = {thread: python.get(thread) or _name(thread) for thread in _ids() - {current}}
    return {
        thread: "" if name == own else name
        for thread, name in named.items()
        if name not in _HARMLESS
    }


def _count() -> int:
    """The number of threads, in a tenth of the time that listing them takes."""
    if sys.platform == "linux":
        return os.stat(_TASKS).st_nlink - 2
    return len(_ids())


def _ids() -> set[int]:
    if sys.platform == "linux":
        return set(map(int, os.listdir(_TASKS)))
    import psutil

    return {thread.id for thread in psutil.Process().threads()}


def _name(thread: int) -> str:
    with suppress(OSError):  # it has ended, or the system has no names
        return Path(_TASKS, str(thread), "comm").read_text().strip()
    return ""
