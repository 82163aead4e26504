"""Messages with a user's function as bytes, for a worker that shares only `sys.path` with this process.

Functions of modules that a worker can import are sent by name. Others are sent by value, with their code
and the variables that they refer to (`by_value`): those of `__main__` (a script, `python -c`, a REPL, a
notebook) and of modules that were loaded from a file by hand, lambdas and nested functions. So are
functions of modules that hold Dagster objects: importing one imports dagster, which takes a second.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from fanout_pipeline.engine.functions.importable import (
    can_import,
    dagster_objects,
    goes_by_name,
    has_name,
)
from fanout_pipeline.engine.model.errors import short_repr
from fanout_pipeline.engine.model.work import Setup


def pickle_with_function(
    message: Any,
    function: Any,
    source: Any = None,
    log: Callable[[str], object] = lambda line: None,
    *,
    setup: Setup | None = None,
) -> bytes:
    """Pickle a message that contains the user's function. Logs a line where that is done by value.

    Raises TypeError, naming what cannot be sent of the function, or of the source or setup that the message contains.
    """
    try:
        buffer = io.BytesIO()
        _ByNamePickler(buffer).dump(message)
        return buffer.getvalue()
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError, RecursionError):
        # Imported here: most functions are sent by name.
        from fanout_pipeline.engine.functions.by_value import (
            pickled,
            unpicklable_part,
            why_unpicklable,
        )
    try:
        data, copied = pickled(message, goes_by_name)
        for module in sorted(copied):
            log(_copied_line(module))
        return data
    except Exception as error:
        name = getattr(function, "__qualname__", None) or short_repr(function, 200)
        cause = unpicklable_part(function) or str(error)
        try:
            # A module with Dagster objects may hold what cannot be copied, but workers can import it.
            data, _ = pickled(message, can_import)
        except Exception:
            if source is not None and (why := why_unpicklable(source, can_import)):
                raise TypeError(
                    f"The source {type(source).__qualname__} cannot be sent to worker processes: {why}. "
                    "Have it hold no more than says where the items are, such as a path, and open files "
                    "and connections in its methods."
                ) from error
            for what, part in _parts(setup):
                if why := why_unpicklable(part, can_import):
                    raise TypeError(
                        f"The {what} cannot be sent to worker processes: {why}. Have setup make it, which workers call."
                    ) from error
            raise TypeError(
                f"The function {name} cannot be sent to worker processes: {cause}. "
                "Make it inside the function, or define the function at the top level of a module "
                "that can be imported."
            ) from error
        log(
            f"each worker process imports dagster, which takes about a second: {name} cannot be sent "
            f"without the module that it is defined in ({cause}), and that module holds Dagster objects. "
            "Define the function in a module of its own."
        )
        return data


def _parts(setup: Setup | None) -> Iterator[tuple[str, Any]]:
    if setup is not None:
        yield f"setup {getattr(setup.make, '__qualname__', short_repr(setup.make))}", setup.make
        yield from ((f"resource {name}", one) for name, one in setup.resources.items())


def can_be_sent_by_name(function: Any) -> bool:
    """Whether Python's own pickle can send it: worker processes can import all that it consists of."""
    try:
        _ByNamePickler(_Nowhere(), can_import).dump(function)
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError, RecursionError):
        return False
    return True


class _Nowhere:
    """A file that keeps nothing: what a function holds may be large."""

    def write(self, data: Any) -> int:
        return len(data)


def _copied_line(module: str) -> str:
    dagsters = next(dagster_objects(module), None)
    if dagsters is not None and can_import(module):
        why = f"it holds Dagster objects ({dagsters}), and importing it would import dagster"
    else:
        why = "they cannot import it"
    return f"what is defined in {module} is sent to worker processes with its code, because {why}"


class _NotByName(Exception):
    """A worker could not, or should not, import the module of what is being pickled."""


class _ByNamePickler(pickle.Pickler):
    def __init__(self, buffer: Any, by_name: Callable[[str | None], bool] = goes_by_name):
        super().__init__(buffer)
        self._goes_by_name = cache(by_name)

    def reducer_override(self, value: Any) -> Any:
        if has_name(value) and not self._goes_by_name(value.__module__):
            raise _NotByName
        return NotImplemented
