"""What a function sees beside its item: settings of the thread and of the process that call it.

Some belong to a thread (context variables, among them the contexts of decimal and of NumPy's handling
of floating-point errors), some to a process (filters of warnings, limits). A function gives the same in
every strategy only if each has those of the thread that starts the run:

    threads, asyncio      run in copies of its context
    worker processes      take on what differs from Python's defaults

A variable of the user's own cannot be sent to another process. What a module sets when it is imported
is there wherever it is imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

_RECURSION_LIMIT = 1000
_INT_DIGITS = 4300
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_FILTERS = [
    ("default", "DeprecationWarning", "__main__"),
    ("ignore", "DeprecationWarning", None),
    ("ignore", "PendingDeprecationWarning", None),
    ("ignore", "ImportWarning", None),
    ("ignore", "ResourceWarning", None),
]
_BUILT_IN = "builtins"


@dataclass(frozen=True, slots=True)
class Filter:
    """One of `warnings.filters`, with nothing in it that needs an import to be read."""

    action: Any
    message: str
    category: tuple[str, str]
    """Module and name of the class."""
    module: str
    line: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs from the defaults; None where nothing does."""

    decimal: Any = None
    """A decimal.Context."""
    numpy_errors: dict[str, str] | None = None
    """As `numpy.geterr` gives them."""
    filters: tuple[Filter, ...] | None = None
    """All of `warnings.filters`."""
    recursion_limit: int | None = None
    int_digits: int | None = None
    """Of integers in text, at most."""

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this thread."""
        recursion_limit, int_digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
        return cls(
            _decimal_context(),
            _numpy_errors(),
            _filters(),
            None if recursion_limit == _RECURSION_LIMIT else recursion_limit,
            None if int_digits == _INT_DIGITS else int_digits,
        )

    def take_on(self) -> None:
        """Make them those of this thread and its process, before the function is called here."""
        if self.decimal is not None:
            import decimal

            decimal.setcontext(self.decimal)
        if self.numpy_errors is not None:
            import numpy

            numpy.seterr(**self.numpy_errors)  # type: ignore[arg-type]
        if self.filters is not None:
            _set_filters(self.filters)
        if self.recursion_limit is not None:
            sys.setrecursionlimit(self.recursion_limit)
        if self.int_digits is not None:
            sys.set_int_max_str_digits(self.int_digits)


DEFAULT = Surroundings()


def copied_context() -> Context:
    """A copy of this thread's context, in which calls can run beside it."""
    context = copy_context()
    if "decimal" in sys.modules:
        # The variable's copy has the same decimal.Context, which one call would change for all.
        context.run(_copy_decimal_context)
    return context


def in_copied_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as another thread is to call it."""
    context = copied_context()
    return lambda *arguments: context.run(function, *arguments)


def _copy_decimal_context() -> None:
    import decimal

    decimal.setcontext(decimal.getcontext().copy())


def _decimal_context() -> Any:
    if "decimal" not in sys.modules:
        return None
    import decimal

    context = decimal.getcontext().copy()
    context.clear_flags()
    default = decimal.Context(
        28,
        decimal.ROUND_HALF_EVEN,
        -999999,
        999999,
        1,
        0,
        [],
        [decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
    )
    return None if repr(context) == repr(default) else context


def _numpy_errors() -> dict[str, str] | None:
    numpy: Any = sys.modules.get("numpy")
    # It may be being imported by another thread.
    errors = numpy.geterr() if hasattr(numpy, "geterr") else _NUMPY_ERRORS
    # What a warning or an error is called instead cannot be sent.
    errors = {name: how for name, how in errors.items() if how not in ("call", "log")}
    return None if errors.items() <= _NUMPY_ERRORS.items() else errors


def _filters() -> tuple[Filter, ...] | None:
    filters: Iterable[Any] = warnings.filters
    found = [
        Filter(
            action,
            getattr(message, "pattern", message) or "",
            (category.__module__, category.__qualname__),
            getattr(module, "pattern", module) or "",
            line,
        )
        for action, message, category, module, line in filters
    ]
    # Packages add some when they are imported, that let messages and classes of their own pass; each
    # does so wherever it is imported.
    general = [
        (one.action, one.category[1], one.module or None)
        for one in found
        if one.action == "error" or (one.category[0] == _BUILT_IN and not one.message)
    ]
    return None if general == _FILTERS else tuple(found)


def _set_filters(filters: tuple[Filter, ...]) -> None:
    warnings.resetwarnings()
    for one in reversed(filters):  # Each is put before those that are there.
        module, name = one.category
        # Of a module that is not there nothing can be warned of.
        category = getattr(sys.modules.get(module), name, None)
        if category is not None:
            warnings.filterwarnings(one.action, one.message, category, one.module, one.line)
