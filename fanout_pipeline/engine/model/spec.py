"""What is fanned out: a function and the source of its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import isasyncgenfunction, isgeneratorfunction
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from fanout_pipeline.engine.model.spec_fields import names_of, require_fields
from fanout_pipeline.engine.system.import_path import import_path, importing_from
from fanout_pipeline.results.types.layout import OWN_COLUMNS, Layout, require_free
from fanout_pipeline.sources.source import Source

_P = ParamSpec("_P")
_T = TypeVar("_T")

Dependency = str | Path
"""The name of something that a function reads besides its items: see `FanoutSpec.depends_on`."""


@dataclass(frozen=True, slots=True)
class FanoutSpec:
    """A function and the source whose items it is called with."""

    name: str
    """The name of the assets (`<name>/<strategy>`) and of the folder under the data root. It consists of
    letters, digits and underscores."""
    source: Source
    """Where the items come from. A relative path is relative to the data root."""
    function: Callable[..., Any]
    """The function that is called with each item, and awaited if it is async. Worker processes import its
    module; if they cannot, or if the module holds Dagster objects, the function is sent with its code."""
    batch_function: Callable[..., Any] | None = None
    """The function for `vectorized`: it takes a batch of items and returns as many results. A batch is a pandas
    Series of plain values or a DataFrame of dicts; it is a `pyarrow.Table` if the first parameter is annotated so.
    With None there is no `vectorized`."""
    upstream: tuple[str, ...] = ()
    """The keys of the assets that write the source, as in `orders` or `raw/orders`."""
    depends_on: tuple[Dependency, ...] = ()
    """What results depend on besides the items: paths of files and folders that the function reads (relative
    to the working directory, not to the data root), `env:NAME` for an environment variable, `package:NAME` for
    the version of an installed package."""
    tolerance: float = 1e-9
    """The largest relative difference between two floats that checks accept as equal, as the last digits of
    a sum depend on its order. Everything else is compared exactly; with 0, floats are, too."""
    key: str | Callable[[Any], Any] | None = field(default=None, kw_only=True)
    """What identifies an item from run to run: the name of a column, `"path"` of files, `"item"` for the item itself,
    or a function of the item. A run with a key that resumes calls only what has changed since the results before."""
    duplicates: Literal["error", "once"] = field(default="error", kw_only=True)
    """What items of the same key are: an error, or all but the first are left out (`once`)."""
    keep: tuple[str, ...] = field(default=(), kw_only=True)
    """Columns of the input that are kept beside the results, in the same rows, as in `keep=("order_id",)`. The
    source must have columns; the function is given those that the source names, whatever is kept."""
    unpack: bool = field(default=False, kw_only=True)
    """Whether the fields of results that are dicts (dataclasses, NamedTuples, pydantic models) are columns of
    their own, in place of one column `result`. A None is then a null in each of them."""
    result_type: Any = field(default=None, kw_only=True)
    """The type that every result must have: a type or schema of pyarrow, a dataclass, a NamedTuple, a pydantic
    model, or one of Python's own (`float`, `list[str]`). A result that would not be read back equal is an error of
    its item. With None results have the type that they have in common, or the run fails."""
    code_version: str | None = field(default=None, kw_only=True)
    """What stands for the function's code in place of its fingerprint: results are made anew where it has changed,
    and only there."""
    setup: Callable[..., Any] | None = field(default=None, kw_only=True)
    """What makes a value that calls share, such as a model, a session or a connection: a function or a context
    manager, async ones too. It is called once in each worker process, thread or event loop, and the functions get
    its value as their second argument. It is closed when the worker has done its part of the run, however that ends."""
    resources: Mapping[str, Any] = field(
        default_factory=dict, compare=False, repr=False, kw_only=True
    )
    """What `setup` is given by name, such as `{"api": ApiKey(...)}`: resources of Dagster, or any objects that pickle
    can send. They are no part of the results' identity, they are never written to disk, and strings of theirs that
    are long enough to be secrets are masked in failures and logs."""
    thread_safe: bool = field(default=False, kw_only=True)
    """Whether the function may be called in several threads of one process at once, which is only then done by
    strategies that choose by themselves."""
    import_path: tuple[str, ...] = field(
        default_factory=import_path, compare=False, repr=False, kw_only=True
    )
    """Where the function's modules are found: `sys.path` as it was when the spec was made. Dagster removes
    the folder of the definitions from it once they are loaded."""

    def __post_init__(self) -> None:
        require_fields(self)
        for name in ("upstream", "depends_on", "keep"):
            object.__setattr__(self, name, names_of(name, getattr(self, name)))
        kept = [name.lower() for name in self.keep]  # DuckDB does not tell `Index` from `index`.
        for name, folded in zip(self.keep, kept, strict=True):
            if folded in OWN_COLUMNS or kept.count(folded) > 1:
                taken = (
                    "given twice" if folded not in OWN_COLUMNS else "a column of the results' own"
                )
                raise ValueError(f"keep names {name!r}, which is {taken}: leave it out")
        if self.setup is not None and not callable(self.setup):
            raise TypeError(
                f"setup is a function that makes a value, not {type(self.setup).__qualname__}: "
                "write setup=lambda: value for one that is made already"
            )
        if isgeneratorfunction(self.setup) or isasyncgenfunction(self.setup):
            raise TypeError(
                f"setup {getattr(self.setup, '__qualname__', '')} yields: decorate it with contextlib.contextmanager, or "
                "with asynccontextmanager if it is async"
            )
        object.__setattr__(self, "resources", dict(self.resources))
        if self.resources and self.setup is None:
            raise ValueError(
                f"resources are given to setup, and there is none: {', '.join(self.resources)}"
            )
        kind = self.layout.kind
        if self.unpack and isinstance(kind, dict):
            require_free(kind, self.keep)

    @property
    def layout(self) -> Layout:
        """Which columns the results have."""
        kind = None
        if self.result_type is not None:
            from fanout_pipeline.results.types.stated import kind_of_type  # Arrow

            kind = kind_of_type(self.result_type)
        return Layout(self.keep, self.unpack, kind)

    def under(self, root: Path) -> FanoutSpec:
        """The same spec with its source's path relative to `root`."""
        return replace(self, source=self.source.under(root))


def with_its_imports(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate a function that takes a spec: it finds modules where the spec's author found them."""

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        (spec,) = (one for one in (*args, *kwargs.values()) if isinstance(one, FanoutSpec))
        with importing_from(spec.import_path):
            return function(*args, **kwargs)

    return wrapped
