"""What is installed on the workers of a cluster, compared with what is here, and modules that they lack."""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from fanout_pipeline.engine.clusters.engine import Engine
from fanout_pipeline.engine.model.errors import ClusterFailed

_MATTER = {"fanout_pipeline": 3, "pyarrow": 1, "cloudpickle": 1}
"""Without one of these no work is sent, nor if so many of the numbers of its version differ."""
_TOLD = ("numpy", "pandas", "polars")
"""Where these differ, that is said."""


def _installed(names: Iterable[str]) -> dict[str, str | None]:
    """The versions of Python and of distributions. It is sent with its code: this package may not be there."""
    import importlib.metadata
    import platform

    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _lacking(names: Iterable[str]) -> list[str]:
    """Which modules cannot be found. Sent like `_installed`."""
    import importlib.util

    lacking = []
    for name in names:
        try:
            if importlib.util.find_spec(name) is None:
                lacking.append(name)
        except (ImportError, ValueError):
            lacking.append(name)
    return lacking


def _with_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one of `__main__`, which engines send with its code."""
    assert isinstance(function, FunctionType)
    copied = FunctionType(function.__code__, {"__builtins__": __builtins__}, function.__name__)
    copied.__module__ = "__main__"
    return copied


def require_same_versions(engine: Engine, log: Callable[[str], object]) -> None:
    """Raises ClusterFailed where the cluster has what does not fit; what may not matter is logged."""
    here = _installed((*_MATTER, *_TOLD))
    refused, told = [], set()
    for place, there in engine.ask(_with_code(_installed), (*_MATTER, *_TOLD)).items():
        if isinstance(there, BaseException):
            refused.append(f"{place} could not say ({there})")
            continue
        if _first(there["python"], 2) != _first(here["python"], 2):
            refused.append(f"{place} has Python {there['python']}")
            continue
        for name in _MATTER:
            if there[name] is None:
                refused.append(f"{place} lacks {name}")
            elif _first(there[name], _MATTER[name]) != _first(here[name], _MATTER[name]):
                refused.append(f"{place} has {name} {there[name]}")
        told |= {
            f"{name} {there[name]}, not {here[name]}"
            for name in (*_MATTER, *_TOLD)
            if here[name] and there[name] and there[name] != here[name]
        }
    if refused:
        ours = ", ".join(f"{name} {version}" for name, version in here.items() if version)
        raise ClusterFailed(
            f"The cluster at {engine.address} has other versions than this process: {'; '.join(refused[:5])}"
            f"{'; …' if len(refused) > 5 else ''}. Here there is {ours}. Install the same on its scheduler and workers."
        )
    if told:
        log(f"Warning: workers of the cluster at {engine.address} have {'; '.join(sorted(told))}.")


def _first(version: str | None, count: int) -> list[str]:
    return (version or "").split(".")[:count]


def lacked(engine: Engine, message: bytes) -> frozenset[str]:
    """The modules that a pickled message names and that some worker cannot find."""
    named = sorted({one for one in _strings(message) if one in sys.modules and one != "__main__"})
    found: set[str] = set()
    for place, there in engine.ask(_with_code(_lacking), named).items():
        if place != "scheduler" and not isinstance(there, BaseException):
            found.update(there)
    return frozenset(found)


def _strings(message: bytes) -> Iterable[str]:
    for _, argument, _ in pickletools.genops(message):
        if isinstance(argument, str):
            yield argument
            yield argument.partition(" ")[0]
