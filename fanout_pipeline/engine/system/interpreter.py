"""Another Python interpreter that behaves like this one: the same flags and the same import path."""

from __future__ import annotations

import os
import subprocess
import sys

from fanout_pipeline.engine.system.import_path import import_path

_STANDARD_LIBRARY = os.path.dirname(os.__file__)


def command(program: str) -> list[str]:
    """The command that runs a program, given as text, in an interpreter of its own."""
    # As multiprocessing does it: -O and -W, for example, have the same effect there.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, "-c", _set_import_path() + program]


def _set_import_path() -> str:
    """A line of Python that gives another interpreter this one's `sys.path`.

    A file of the user's may have the name of a module of the standard library (`random.py`, `csv.py`) that
    this process imported before the user's folder was on its path. The other imports Python's, too.
    """
    path = import_path()
    stdlib = path.index(_STANDARD_LIBRARY) if _STANDARD_LIBRARY in path else len(path)
    names = {name.partition(".")[0] for folder in path[:stdlib] for name in _files(folder)}
    hidden = [name for name in sorted(names & sys.stdlib_module_names) if _is_loaded(name)]
    imports = f"sys.path[:] = {path[stdlib:]!r}; import {', '.join(hidden)}; " if hidden else ""
    return f"import sys; {imports}sys.path[:] = {path!r}\n"


def _files(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # an archive, or not there
        return []


def _is_loaded(name: str) -> bool:
    """Whether this process has Python's module of this name, not the user's."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and file.startswith(_STANDARD_LIBRARY)
