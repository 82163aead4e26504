"""Where the modules of a fan-out are found, also after Dagster has loaded its definitions.

Dagster has the folder of the definitions on `sys.path` while it loads them, and removes it afterwards. A
spec remembers the path; it applies again while the spec's function is called, and while worker processes
start, which inherit the `sys.path` of the process that starts them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock


def import_path() -> tuple[str, ...]:
    """`sys.path` as it is now, in a form that means the same in any folder and process."""
    # Imports ignore entries that are not strings, and a working directory that was removed.
    entries = (_absolute(entry) for entry in sys.path if isinstance(entry, str))
    return tuple(dict.fromkeys(entry for entry in entries if entry is not None))


def _absolute(entry: str) -> str | None:
    if os.path.isabs(entry):
        return entry
    try:
        return os.path.join(os.getcwd(), entry) if entry else os.getcwd()
    except FileNotFoundError:
        return None


class _Blocks:
    """The `importing_from` blocks that are running, in all threads."""

    lock = Lock()
    running = 0
    path_before: tuple[str, ...] = ()
    added: set[str] = set()  # noqa: RUF012


@contextmanager
def importing_from(path: Sequence[str]) -> Iterator[None]:
    """For the block, look for modules on this path first, then on the rest of `sys.path`."""
    with _Blocks.lock:
        if not _Blocks.running:
            _Blocks.path_before = tuple(sys.path)
        _Blocks.running += 1
        _Blocks.added.update(set(path) - set(sys.path))
        sys.path[:] = dict.fromkeys([*path, *sys.path])
    try:
        yield
    finally:
        with _Blocks.lock:
            _Blocks.running -= 1
            if not _Blocks.running:
                # What the function itself has added stays.
                theirs = set(sys.path) - _Blocks.added - set(_Blocks.path_before)
                sys.path[:] = [*(e for e in sys.path if e in theirs), *_Blocks.path_before]
                _Blocks.added.clear()
