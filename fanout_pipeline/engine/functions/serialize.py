"""Messages as bytes that a worker can read, which shares nothing with this process but `sys.path`.

Functions of modules that a worker can import travel as names. Those of `__main__` (a script, `python -c`,
a REPL, a notebook), of modules that were loaded from a file by hand, lambdas and nested functions
travel by value, with the variables that they refer to (see `by_value`). So do those of modules that
hold objects of Dagster's, for a worker that imports them imports dagster, which takes a second.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

from fanout_pipeline.engine.functions.importable import (
    can_import,
    dagsters_objects,
    goes_by_name,
    has_name,
)
from fanout_pipeline.engine.model.errors import short_repr


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
        from fanout_pipeline.engine.functions.by_value import culprit, pickled
    try:
        sent, copied = pickled(message, goes_by_name)
        for module in sorted(copied):
            say(_told_copied(module))
        return sent
    except Exception as error:
        name = getattr(function, "__qualname__", None) or short_repr(function, 200)
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


def can_travel_by_name(function: Any) -> bool:
    """Whether Python's own pickle can send it: worker processes can import all that it consists of."""
    try:
        _ByName(_Nowhere(), can_import).dump(function)
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError, RecursionError):
        return False
    return True


class _Nowhere:
    """A file that keeps nothing: what a function holds may be large."""

    def write(self, data: Any) -> int:
        return len(data)


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
    def __init__(self, buffer: Any, by_name: Callable[[str | None], bool] = goes_by_name):
        super().__init__(buffer)
        # Half of what is pickled here shares its module with something else.
        self._goes_by_name = cache(by_name)

    def reducer_override(self, value: Any) -> Any:
        if has_name(value) and not self._goes_by_name(value.__module__):
            raise _NotByName
        return NotImplemented
