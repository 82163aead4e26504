"""Messages as bytes that a worker can read, which shares nothing with this process but `sys.path`.

Functions of modules that a worker can import travel as names. Those of `__main__` (a script, `python -c`,
a REPL, a notebook), of modules that were loaded from a file by hand, lambdas and nested functions
travel by value, with the variables that they refer to (see `by_value`). So do those of modules that
hold objects of Dagster's, for a worker that imports them imports dagster, which takes a second.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fanout_pipeline.fanout.failures import shown

_DAGSTERS = ("dagster", "fanout_pipeline.defs", "fanout_pipeline.definitions")
"""Packages that are, or import, dagster."""


def sent(message: Any, function: Any, say: Callable[[str], object] = lambda text: None) -> bytes:
    """A message that holds the user's function. Raises TypeError, naming what of it cannot be sent.

    What is out of the ordinary about the way it travels is said.
    """
    try:
        buffer = io.BytesIO()
        _ByName(buffer).dump(message)
        return buffer.getvalue()
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError, RecursionError):
        # Here, for the usual function does without it.
        from fanout_pipeline.fanout.by_value import culprit, pickled
    try:
        sent, copied = pickled(message, goes_by_name)
        for module in sorted(copied):
            say(_told_copied(module))
        return sent
    except Exception as error:
        name = getattr(function, "__qualname__", None) or shown(function, 200)
        cause = f"{culprit(function) or error}"
        try:
            # A module of Dagster's objects may hold what cannot be copied: a worker can import it.
            sent, copied = pickled(message, can_import)
        except Exception:
            raise TypeError(
                f"The function {name} cannot be sent to worker processes: {cause}. "
                "Make it inside the function, or define the function at the top level of a module "
                "that can be imported."
            ) from error
        say(
            f"each worker process imports dagster, which takes it a second: {name} cannot be sent "
            f"without the module that it is defined in ({cause}), and that holds Dagster's objects. "
            "Define the function in a module of its own."
        )
        return sent


def _told_copied(module: str) -> str:
    holds = next(dagsters_objects(module), None)
    if holds is None or not can_import(module):
        why = "they could not import it"
    else:
        why = f"it holds Dagster's objects ({holds}), and whoever imports it imports dagster"
    return f"what is defined in {module} goes to worker processes with its code, for {why}"


class _NotByName(Exception):
    """A worker could not, or should not, import the module of what is to be pickled."""


class _ByName(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO):
        super().__init__(buffer)
        # Half of what is pickled here shares its module with something else.
        self._goes_by_name = cache(goes_by_name)

    def reducer_override(self, value: Any) -> Any:
        if has_name(value) and not self._goes_by_name(value.__module__):
            raise _NotByName
        return NotImplemented


def has_name(value: Any) -> bool:
    """Whether it is a function, a class or another thing that may be pickled as module and name."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return isinstance(name, str) and hasattr(value, "__module__")


def goes_by_name(module: str | None) -> bool:
    """Whether workers are to import a module: they can, and do not import dagster with it."""
    return can_import(module) and (module is None or not any(dagsters_objects(module)))


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


def dagsters_objects(name: str) -> Iterator[str]:
    """Names in a module, or in a package around it, of what is Dagster's: importing it imports dagster."""
    if "dagster" not in sys.modules or _is_of(name, "dagster"):
        return
    while name:
        for known, value in tuple(vars(sys.modules.get(name, ModuleType(name))).items()):
            if isinstance(value, ModuleType):
                is_dagsters = _is_of(value.__name__, "dagster")
            else:
                owner = value if isinstance(value, (type, FunctionType)) else type(value)
                is_dagsters = any(_is_of(owner.__module__, package) for package in _DAGSTERS)
            if is_dagsters:
                yield f"{name}.{known}"
        name, _, _ = name.rpartition(".")


def _is_of(module: Any, package: str) -> bool:
    return module == package or (isinstance(module, str) and module.startswith(f"{package}."))


def _found(name: str, path: Any) -> ModuleSpec | None:
    """What importing the name would load, whatever is loaded already."""
    found = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _file(spec: ModuleSpec) -> Path:
    return Path(spec.origin or "").resolve()
