"""What is fanned out: a function, the source of its items, and what belongs to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from fanout_pipeline.engine.system.import_path import import_path, importing_from
from fanout_pipeline.sources.source import Source

_P = ParamSpec("_P")
_T = TypeVar("_T")

Dependency = str | Path
"""The name of something that a function reads beside its items: see `FanoutSpec.depends_on`."""


@dataclass(frozen=True, slots=True)
class FanoutSpec:
    """A function to call on every item of a source."""

    name: str
    """Names the assets (`<name>/<strategy>`) and the folder under the data root: letters, digits, `_`."""
    source: Source
    """Its path is relative to the data root."""
    function: Callable[[Any], Any]
    """Called with each item, awaited where it is async. Worker processes import it by its module
    and name; where they could not, or the module holds Dagster's objects, it is sent with its code."""
    batch_function: Callable[[Any], Any] | None = None
    """The same on a pandas Series of items, giving as many results; None: no `vectorized`."""
    upstream: tuple[str, ...] = ()
    """Keys of the assets that write the source, `prefix/name` where they have one."""
    depends_on: tuple[Dependency, ...] = ()
    """What the function reads beside its items, as far as results depend on it: paths of files and of
    folders, as the function gives them (relative to the working directory, not to the data root);
    `env:NAME`, a variable of the environment; `package:NAME`, the version of an installed one."""
    tolerance: float = 1e-9
    """By how much floats in results may differ from the reference's, relative to the larger, and be
    right: last digits depend on the order of a sum. All else is exact, and so are floats with 0."""
    import_path: tuple[str, ...] = field(
        default_factory=import_path, compare=False, repr=False, kw_only=True
    )
    """Where the function's modules are found, and what it imports when it is called: `sys.path` as it
    was here. Dagster takes the folder of the definitions off it once it has loaded them."""

    def __post_init__(self) -> None:
        if isinstance(self.depends_on, (str, Path)):
            raise TypeError(
                f"depends_on is a tuple of names: write depends_on=({str(self.depends_on)!r},)"
            )
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance must be at least 0 and finite, not {self.tolerance}")

    def under(self, root: Path) -> FanoutSpec:
        """The same fan-out with its source's path taken relative to `root`."""
        return replace(self, source=self.source.under(root))


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calls must be awaited: an `async def`, a partial of one, an object so called."""
    while isinstance(function, partial):
        function = function.func
    return iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)


def with_its_imports(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that is given a spec, such that it finds the modules that the spec's author found."""

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        (spec,) = (one for one in (*args, *kwargs.values()) if isinstance(one, FanoutSpec))
        with importing_from(spec.import_path):
            return function(*args, **kwargs)

    return wrapped
