"""Versions of Python, of this package and of what it is used with, and whether they fit."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, metadata, requires, version
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fanout_pipeline.command_line.examining.finding import Finding, failure, fine, warning

_OURS = "fanout_pipeline"
_TOLD = ("dagster", "dagster-webserver", "pyarrow", "numpy", "pandas", "polars")
"""What messages name with its version, where it is installed."""
_IMPORTED = ("dagster", "pyarrow", "pandas")
"""What takes long to import where it is not compiled."""
_ABOUT = "versions"


def look_at_versions() -> Iterator[Finding]:
    """Python and all that is required, by us and within Dagster's family."""
    python = platform.python_version()
    wanted = metadata(_OURS)["Requires-Python"]
    if python not in SpecifierSet(wanted, prereleases=True):
        yield failure(_ABOUT, f"Python {python}, where {wanted} is needed", "use another Python")
    told = {name: found for name in _TOLD if (found := _version(name)) is not None}
    names = ", ".join(f"{name} {found}" for name, found in told.items())
    yield fine(_ABOUT, f"Python {python}, {_OURS} {version(_OURS)}, {names}")
    for package, needed in _requirements():
        found = _version(needed.name)
        if found is None:
            yield failure(
                _ABOUT,
                f"{package} needs {needed}, which is not installed",
                f"pip install '{needed}'",
            )
        elif found not in SpecifierSet(str(needed.specifier), prereleases=True):
            yield failure(
                _ABOUT,
                f"{package} needs {needed}, and {found} is installed",
                f"pip install '{needed}', or another version of {package}",
            )
    slow = [name for name in _IMPORTED if _is_compiled_anew(name)]
    if slow:
        yield warning(
            _ABOUT,
            f"{', '.join(slow)}: not compiled, and this user does not keep what Python compiles: each process does "
            "it anew, in which importing Dagster takes three times as long",
            "compile when the environment is built: python -m compileall -q, on its site-packages",
        )


def _is_compiled_anew(module: str) -> bool:
    """Whether a module has no byte-code, and gets none by being imported."""
    spec = find_spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        return False
    compiled = Path(cache_from_source(spec.origin))
    folder = compiled.parent if compiled.parent.is_dir() else compiled.parent.parent
    return not compiled.exists() and (sys.dont_write_bytecode or not os.access(folder, os.W_OK))


def _requirements() -> Iterator[tuple[str, Requirement]]:
    """What this package requires, and what packages of Dagster's family require of each other."""
    family = {
        one.name: one.version for one in distributions() if one.name and _is_dagsters(one.name)
    }
    for package in (_OURS, *sorted(family)):
        for text in requires(package) or ():
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            if package == _OURS or _is_dagsters(needed.name):
                yield f"{package} {version(package)}", needed


def _is_dagsters(name: str) -> bool:
    return name.lower().replace("_", "-").partition("-")[0] == "dagster"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
