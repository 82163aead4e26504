"""What a function sees besides its item: settings of the thread and of the process that call it.

Some belong to a thread (context variables, decimal's context, how NumPy handles floating-point errors), some
to a process (warning filters, limits). A function gives the same results in every strategy only if its calls
see the settings of the thread that starts the run:

    threads, asyncio      run in copies of its context
    worker processes      apply what differs from Python's defaults

A user's own context variable cannot be sent to another process. What a module sets when it is imported is
set wherever it is imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from typing import Any, NamedTuple

_RECURSION_LIMIT = 1000
_INT_DIGITS = 4300
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_DECIMAL_CONTEXT = (
    "Context(prec=28, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, "
    "flags=[], traps=[InvalidOperation, DivisionByZero, Overflow])"
)
_FILTERS = [
    ("default", "DeprecationWarning", "__main__"),
    ("ignore", "DeprecationWarning", None),
    ("ignore", "PendingDeprecationWarning", None),
    ("ignore", "ImportWarning", None),
    ("ignore", "ResourceWarning", None),
]


Filter = tuple[Any, str, tuple[str, str], str, int]
"""One of `warnings.filters`: action, message, module and name of the warning's class, module, line."""


class Surroundings(NamedTuple):
    """The settings that differ from Python's defaults; None for those that do not."""

    decimal: Any = None
    """The `decimal.Context` of the thread."""
    numpy_errors: dict[str, str] | None = None
    """What `numpy.geterr` returns."""
    filters: tuple[Filter, ...] | None = None
    """All of `warnings.filters`, in order."""
    recursion_limit: int | None = None
    """What `sys.getrecursionlimit` returns."""
    int_digits: int | None = None
    """The most digits of an integer that is converted from or to text."""

    @classmethod
    def current(cls) -> Surroundings:
        """The settings of the calling thread and its process."""
        recursion_limit, int_digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
        return cls(
            _decimal_context(),
            _numpy_errors(),
            _filters(),
            None if recursion_limit == _RECURSION_LIMIT else recursion_limit,
            None if int_digits == _INT_DIGITS else int_digits,
        )

    def apply(self) -> None:
        """Apply them to the calling thread and its process."""
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
    """A copy of this thread's context, in which calls can run at the same time as others."""
    context = copy_context()
    if "decimal" in sys.modules:
        # The copied variable refers to the same decimal.Context, and one call would change it for all.
        context.run(_copy_decimal_context)
    return context


def in_copied_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, to be called by another thread in a copy of this thread's context."""
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
    return None if repr(context) == _DECIMAL_CONTEXT else context


def _numpy_errors() -> dict[str, str] | None:
    numpy: Any = sys.modules.get("numpy")
    # Another thread may be importing it just now.
    errors = numpy.geterr() if hasattr(numpy, "geterr") else _NUMPY_ERRORS
    # A callback or a log object cannot be sent.
    errors = {name: how for name, how in errors.items() if how not in ("call", "log")}
    return None if errors.items() <= _NUMPY_ERRORS.items() else errors


def _filters() -> tuple[Filter, ...] | None:
    filters: Iterable[Any] = warnings.filters
    found = tuple(
        (
            action,
            getattr(message, "pattern", message) or "",
            # By name, which can be unpickled without importing anything.
            (category.__module__, category.__qualname__),
            getattr(module, "pattern", module) or "",
            line,
        )
        for action, message, category, module, line in filters
    )
    # Packages that are imported add filters for their own messages and classes, and do so in each process.
    general = [
        (action, name, module or None)
        for action, message, (home, name), module, _ in found
        if action == "error" or (home == "builtins" and not message)
    ]
    return None if general == _FILTERS else found


def _set_filters(filters: tuple[Filter, ...]) -> None:
    warnings.resetwarnings()
    # Each is inserted before the others.
    for action, message, (home, name), module, line in reversed(filters):
        # Nothing can raise a warning of a module that is not loaded.
        category = getattr(sys.modules.get(home), name, None)
        if category is not None:
            warnings.filterwarnings(action, message, category, module, line)
