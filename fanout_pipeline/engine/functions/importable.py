"""Whether worker processes can import a module by its name, and should."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_PACKAGES_WITH_DAGSTER = (
    "dagster",
    "fanout_pipeline.defs",
    "fanout_pipeline.definitions",
    "fanout_pipeline.executor",
)


_lacked: list[frozenset[str]] = []
"""Modules that other machines cannot import: see `sent_with_code`."""


@contextmanager
def sent_with_code(modules: frozenset[str]) -> Iterator[None]:
    """For the block, what these modules define is sent with its code, as where nobody else can import them."""
    _lacked.append(modules)
    try:
        yield
    finally:
        _lacked.remove(modules)


def has_name(value: Any) -> bool:
    """Whether it is a function, a class or another object that may be pickled as module and name."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return isinstance(name, str) and hasattr(value, "__module__")


def goes_by_name(module: str | None) -> bool:
    """Whether workers are to import a module: they can, and doing so does not import dagster."""
    return can_import(module) and (module is None or not any(dagster_objects(module)))


def can_import(name: str | None) -> bool:
    """Whether another process with the same `sys.path` would import the same module by this name.

    None is the module of some built-in functions: Python itself.
    """
    if name is None:
        return True
    if any(name in modules for modules in _lacked):
        return False
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    # One that is being imported would do there what it is doing here, such as this very call.
    if name == "__main__" or loaded is None or getattr(loaded, "_initializing", False):
        return False
    package, _, _ = name.rpartition(".")
    if package and not can_import(package):
        return False
    path = getattr(sys.modules[package], "__path__", None) if package else None
    # Not importlib's find_spec, which returns the spec of the module that is loaded.
    specs = (finder.find_spec(name, path) for finder in sys.meta_path)
    found = next((spec for spec in specs if spec is not None), None)
    if found is None:
        return False
    # Without a file (built in, frozen, a namespace package) there is only one module of a name.
    if not (found.has_location and loaded.has_location) or found.origin == loaded.origin:
        return True
    return Path(found.origin or "").resolve() == Path(loaded.origin or "").resolve()


def dagster_objects(module: str) -> Iterator[str]:
    """Names of Dagster's objects in a module or in the packages around it: importing it imports dagster."""
    if "dagster" not in sys.modules or _is_within(module, "dagster"):
        return
    while module:
        for name, value in tuple(vars(sys.modules.get(module, ModuleType(module))).items()):
            if isinstance(value, ModuleType):
                is_dagsters = _is_within(value.__name__, "dagster")
            else:
                owner = value if isinstance(value, (type, FunctionType)) else type(value)
                is_dagsters = any(_is_within(owner.__module__, p) for p in _PACKAGES_WITH_DAGSTER)
            if is_dagsters:
                yield f"{module}.{name}"
        module, _, _ = module.rpartition(".")


def _is_within(module: Any, package: str) -> bool:
    return module == package or (isinstance(module, str) and module.startswith(f"{package}."))
