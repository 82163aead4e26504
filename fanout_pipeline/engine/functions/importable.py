"""Whether a worker process can import a module by its name, and should."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_IMPORT_DAGSTER = (
    "dagster",
    "fanout_pipeline.defs",
    "fanout_pipeline.definitions",
    "fanout_pipeline.executor",
)
"""Packages that are, or import, dagster."""


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
                is_dagsters = any(_is_of(owner.__module__, package) for package in _IMPORT_DAGSTER)
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
