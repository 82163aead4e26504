"""Which threads of this process a fork would leave behind, and which import started them.

A forked process has the thread that forked and no other: a lock that another held stays locked, a
queue that another served is served no more, and who waits for these waits for ever. Python knows the
threads that it started; those of libraries in C, C++ or Rust only the system knows.
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
"""By the names that the system has for them. jemalloc, which Arrow and Polars have in them, holds its
own locks over a fork and begins anew after it, as glibc's allocator does."""
_TASKS = "/proc/self/task"
_TRIAL_SECONDS = 2.0
_ENDING_SECONDS = 0.2
"""A thread that has ended is listed for a moment more."""
_FILES = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class ThreadWatch(MetaPathFinder):
    """In its `with` block, notes during which module's import each thread appeared."""

    def __init__(self, otherwise: str):
        """`otherwise` is to blame where nothing was being imported."""
        self._otherwise = otherwise
        self._importing: list[str] = []
        self._seen = _ids()
        self._started: dict[int, str] = {}

    def __enter__(self) -> "ThreadWatch":
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.meta_path.remove(self)
        self._look()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, to be loaded under this watch."""
        for finder in [other for other in sys.meta_path if other is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, _FILES):
                    self._watch(fullname, spec.loader)
                return spec
        return None

    def _watch(self, name: str, loader: Any) -> None:
        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the class's own is there again
            self._look()
            self._importing.append(f"importing {name}")
            try:
                loader.exec_module(module)
            finally:
                self._look()
                self._importing.pop()

        loader.exec_module = exec_module

    def _look(self) -> None:
        if _number() == len(self._seen):
            return
        now = _ids()
        for thread in now - self._seen:
            self._started[thread] = self._importing[-1] if self._importing else self._otherwise
        self._seen = now

    def told(self) -> str | None:
        """What started the threads that a fork leaves behind; None if there are none."""
        names: dict[str, list[str]] = {}
        for thread, name in sorted(_left_by_a_fork().items()):
            names.setdefault(self._started.get(thread, self._otherwise), []).append(name)
        told = [f"{what} started {_shown(threads)}" for what, threads in names.items()]
        return "; ".join(told) or None


def _shown(names: list[str]) -> str:
    distinct = list(dict.fromkeys(filter(None, names)))
    more = ", …" if len(distinct) > 4 else ""
    known = f" ({', '.join(distinct[:4])}{more})" if distinct else ""
    return f"{len(names)} thread{'s'[: len(names) > 1]}{known}"


def _left_by_a_fork() -> dict[int, str]:
    """The threads beside this one, with their names, that are still there when it has forked.

    Libraries that take care end theirs before a fork and start them at the next use: OpenBLAS, which
    has one a core as soon as NumPy is imported. Which do is found out by a fork.
    """
    if not _others():
        return {}
    _fork_once()
    deadline = time.monotonic() + _ENDING_SECONDS
    while (left := _others()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _fork_once() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of these threads
        child = os.fork()
    if child == 0:
        os._exit(0)
    deadline = time.monotonic() + _TRIAL_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:  # what a library does in a forked process hangs by itself
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _others() -> dict[int, str]:
    """Every thread of this process but this one, by its id, with a name if it has one of its own."""
    python = {thread.native_id: thread.name for thread in threading.enumerate()}
    here = threading.get_native_id()
    own = _name(here)
    named = {thread: python.get(thread) or _name(thread) for thread in _ids() - {here}}
    return {
        thread: "" if name == own else name
        for thread, name in named.items()
        if name not in _HARMLESS
    }


def _number() -> int:
    """How many threads there are, in a tenth of the time that their ids take."""
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
