"""Messages as bytes that a worker can read, which shares nothing with this process but `sys.path`.

Functions of modules that a worker can import travel as names. Those of `__main__` (a script, `python -c`,
a REPL, a notebook), of modules that were loaded from a file by hand, lambdas and nested functions
travel by value, with the variables that they refer to (see `by_value`).
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from fanout_pipeline.fanout.failures import shown


def sent(message: Any, function: Any) -> bytes:
    """A message that holds the user's function. Raises TypeError, naming what of it cannot be sent."""
    try:
        buffer = io.BytesIO()
        _ByName(buffer).dump(message)
        return buffer.getvalue()
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError, RecursionError):
        # Here, for the usual function does without it.
        from fanout_pipeline.fanout.by_value import culprit, pickled
    try:
        return pickled(message)
    except Exception as error:
        name = getattr(function, "__qualname__", None) or shown(function, 200)
        raise TypeError(
            f"The function {name} cannot be sent to worker processes: "
            f"{culprit(function) or error}. "
            "Make it inside the function, or define the function at the top level of a module "
            "that can be imported."
        ) from error


class _NotByName(Exception):
    """A worker could not import the module of what is to be pickled."""


class _ByName(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO):
        super().__init__(buffer)
        # Half of what is pickled here shares its module with something else.
        self._can_import = cache(can_import)

    def reducer_override(self, value: Any) -> Any:
        if has_name(value) and not self._can_import(value.__module__):
            raise _NotByName
        return NotImplemented


def has_name(value: Any) -> bool:
    """Whether it is a function, a class or another thing that may be pickled as module and name."""
    return isinstance(getattr(value, "__qualname__", None), str)


def can_import(name: str | None) -> bool:
    """Whether another process, with the same `sys.path`, would import the same module by the name.

    None, as of some built-in functions, stands for Python itself.
    """
    if name is None:
        return True
    module = sys.modules.get(name)
    known = getattr(module, "__spec__", None)
    if name == "__main__" or known is None:
        return False
    package, _, _ = name.rpartition(".")
    if package and not can_import(package):
        return False
    found = _found(name, getattr(sys.modules[package], "__path__", None) if package else None)
    if found is None:
        return False
    # Of what has no file (built in, frozen, a namespace) there is only one.
    has_files = found.has_location and known.has_location
    return not has_files or found.origin == known.origin or _file(found) == _file(known)


def _found(name: str, path: Any) -> ModuleSpec | None:
    """What importing the name would load, whatever is loaded already."""
    found = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _file(spec: ModuleSpec) -> Path:
    return Path(spec.origin or "").resolve()
