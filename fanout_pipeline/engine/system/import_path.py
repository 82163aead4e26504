"""Where the modules of a fan-out are found, also once whoever loaded its definitions has forgotten.

Dagster has the folder of the definitions on `sys.path` while it loads them, and takes it off again.
What a spec has remembered of it is there again while its function is called, and while worker
processes start, which get the `sys.path` of the process that starts them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

_PYTHONS = os.path.dirname(os.__file__)


def import_path() -> tuple[str, ...]:
    """`sys.path` as it is now, in a form that means the same in any folder and process."""
    # An import passes over what is no text, and over a working directory that was removed.
    entries = (_absolute(entry) for entry in sys.path if isinstance(entry, str))
    return tuple(dict.fromkeys(entry for entry in entries if entry is not None))


def _absolute(entry: str) -> str | None:
    if os.path.isabs(entry):
        return entry
    try:
        return os.path.join(os.getcwd(), entry) if entry else os.getcwd()
    except FileNotFoundError:
        return None


def like_here() -> str:
    """The beginning of a program that imports what this process does.

    A file of the user's may be called as a module of Python's that this process had before it looked in
    the user's folder (`random.py`, `csv.py`): the program is to have Python's, too.
    """
    path = import_path()
    own = path.index(_PYTHONS) if _PYTHONS in path else len(path)
    names = {name.partition(".")[0] for folder in path[:own] for name in _listed(folder)}
    hidden = [name for name in sorted(names & sys.stdlib_module_names) if _is_pythons(name)]
    imports = f"sys.path[:] = {path[own:]!r}; import {', '.join(hidden)}; " if hidden else ""
    return f"import sys; {imports}sys.path[:] = {path!r}\n"


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # an archive, or nothing
        return []


def _is_pythons(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and file.startswith(_PYTHONS)


class _Held:
    """What `sys.path` was before the first of the blocks that are under way, in all threads."""

    lock = Lock()
    blocks = 0
    before: tuple[str, ...] = ()
    added: set[str] = set()  # noqa: RUF012


@contextmanager
def importing_from(path: Sequence[str]) -> Iterator[None]:
    """For the block, find modules by this path first, then by what else is on `sys.path`."""
    with _Held.lock:
        if not _Held.blocks:
            _Held.before = tuple(sys.path)
        _Held.blocks += 1
        _Held.added.update(set(path) - set(sys.path))
        sys.path[:] = dict.fromkeys([*path, *sys.path])
    try:
        yield
    finally:
        with _Held.lock:
            _Held.blocks -= 1
            if not _Held.blocks:
                # What the function itself has put there stays.
                theirs = set(sys.path) - _Held.added - set(_Held.before)
                sys.path[:] = [*(e for e in sys.path if e in theirs), *_Held.before]
                _Held.added.clear()
