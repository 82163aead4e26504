"""Work as bytes that a worker can read, which shares nothing with this process but `sys.path`.

Functions of modules that a worker can import travel as names. Those of `__main__` (a script, `python -c`,
a REPL, a notebook), of modules that were loaded from a file by hand, lambdas and nested functions
travel by value, through cloudpickle, with the variables that they refer to.
"""

from __future__ import annotations

import inspect
import io
import pickle
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from types import FunctionType, ModuleType
from typing import Any

from fanout_pipeline.fanout.contract import Work


def sent(work: Work) -> bytes:
    """The work as bytes. Raises TypeError, naming the function and what of it cannot be sent."""
    message = ("work", work)
    try:
        buffer = io.BytesIO()
        _ByName(buffer).dump(message)
        return buffer.getvalue()
    except (_NotByName, pickle.PicklingError, AttributeError, TypeError):
        return _by_value(work, message)


class _NotByName(Exception):
    """A worker could not import the module of what is to be pickled."""


class _ByName(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (FunctionType, type)) and not _can_import(value.__module__):
            raise _NotByName
        return NotImplemented


def _can_import(name: str) -> bool:
    """Whether another process, with the same `sys.path`, would import the same module by the name."""
    if name == "__main__":
        return False
    module = sys.modules.get(name)
    if module is None or module.__spec__ is None:
        return False
    file = getattr(module, "__file__", None)
    if file is None:  # built in, or a namespace
        return True
    package, _, _ = name.rpartition(".")
    path = getattr(sys.modules.get(package), "__path__", None) if package else None
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path)
        if spec is not None:
            return bool(spec.origin == file)
    return False


def _by_value(work: Work, message: Any) -> bytes:
    import cloudpickle  # here, for the usual function does without it

    try:
        with ExitStack() as registered:
            for module in _modules_by_value(work):
                cloudpickle.register_pickle_by_value(module)
                registered.callback(cloudpickle.unregister_pickle_by_value, module)
            return bytes(cloudpickle.dumps(message))
    except Exception as error:
        name = getattr(work.function, "__qualname__", repr(work.function))
        raise TypeError(
            f"The function {name} cannot be sent to worker processes: {_culprit(work) or error}. "
            "Make it inside the function, or define the function at the top level of a module "
            "that can be imported."
        ) from error


def _modules_by_value(work: Work) -> Iterator[ModuleType]:
    """Modules known by names that no other process could import. `__main__` is by value anyway."""
    for value in (work.function, work.batch_function, type(work.function)):
        name = getattr(value, "__module__", None)
        if name and name != "__main__" and name in sys.modules and not _can_import(name):
            yield sys.modules[name]


def _culprit(work: Work) -> str | None:
    """Which of the variables that the function refers to cannot be pickled."""
    import cloudpickle

    for function in (work.function, work.batch_function):
        if not inspect.isfunction(function):
            continue
        variables = inspect.getclosurevars(function)
        for name, value in {**variables.nonlocals, **variables.globals}.items():
            try:
                cloudpickle.dumps(value)
            except Exception as error:
                return f"its variable {name}, a {type(value).__qualname__}, cannot be pickled ({error})"
    return None
