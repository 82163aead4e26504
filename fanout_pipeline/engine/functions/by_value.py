"""Functions and classes as bytes that contain their code, for processes that do not import their modules.

cloudpickle copies functions. Added here: which modules are copied, what cloudpickle cannot pickle
(`recreate`), and classes exactly as they are (`class_by_value`).
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import chain
from operator import attrgetter
from types import FunctionType, MethodType, ModuleType
from typing import Any

import cloudpickle

from fanout_pipeline.engine.functions.class_by_value import reduce_class, reduce_member
from fanout_pipeline.engine.functions.contents import code_names
from fanout_pipeline.engine.functions.importable import goes_by_name, has_name
from fanout_pipeline.engine.functions.recreate import NAMED_REDUCERS, REDUCERS

GoesByName = Callable[[str | None], bool]
"""Whether the process that reads the bytes is to import the module of this name."""

_REDUCED_CLASS_LENGTH = 6
"""What cloudpickle returns for a class that it copies; for one of Python's own it is shorter."""


def pickled(value: Any, goes_by_name: GoesByName) -> tuple[bytes, set[str]]:
    """The value as bytes, and the names of the modules from which these contain code.

    Functions and classes of other modules are in them by name. Raises whatever makes it impossible.
    """
    pickler = _Pickler(buffer := io.BytesIO(), goes_by_name)
    before = cloudpickle.list_registry_pickle_by_value()
    try:
        pickler.dump(value)
    finally:
        for module in cloudpickle.list_registry_pickle_by_value() - before:
            cloudpickle.unregister_pickle_by_value(ModuleType(module))
    return buffer.getvalue(), pickler.copied


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child(REDUCERS)

    def __init__(self, buffer: io.BytesIO, goes_by_name: GoesByName):
        super().__init__(buffer)
        self._goes_by_name = functools.cache(goes_by_name)
        self.copied: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        module = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
        is_copied = module in sys.modules and not self._goes_by_name(module)
        if is_copied:
            cloudpickle.register_pickle_by_value(sys.modules[module])
            if not isinstance(value, ModuleType):
                self.copied.add(module)
        reduced = super().reducer_override(value)
        if reduced is not NotImplemented:
            is_class = isinstance(value, type) and len(reduced) == _REDUCED_CLASS_LENGTH
            return reduce_class(value, reduced, self._goes_by_name) if is_class else reduced
        if not self._goes_by_name(type(value).__module__):
            if isinstance(value, Enum):
                return reduce_member(value) or reduced
            if module is None and _reduces_to_name(value):
                # A sentinel that stands for itself in its module, which is not imported there.
                return copyreg.__newobj__, (type(value),), value.__getstate__()  # type: ignore[attr-defined]
        if type(value) in NAMED_REDUCERS and (is_copied or not _is_found_by_name(value)):
            return NAMED_REDUCERS[type(value)](value)
        if is_copied and type(value) not in self.dispatch_table and _reduces_to_name(value):
            raise pickle.PicklingError(
                f"{value.__qualname__} is known only by its name in {module}, "
                "which no other process can import"
            )
        return reduced


def _module_of(value: Any) -> Any:
    return value.__module__ if has_name(value) else None


def _reduces_to_name(value: Any) -> bool:
    """Whether its class says that it is pickled as the name of a variable of its module."""
    reduce = type(value).__reduce__
    return isinstance(reduce, FunctionType) and isinstance(reduce(value), str)


def _is_found_by_name(value: Any) -> bool:
    try:
        name = getattr(value, "__qualname__", value.__name__)
        return attrgetter(name)(sys.modules[value.__module__]) is value
    except (AttributeError, KeyError):
        return False


def why_unpicklable(value: Any, goes_by_name: GoesByName) -> str | None:
    """Why something cannot be pickled; None where it can."""
    try:
        pickled(value, goes_by_name)
    except Exception as error:
        return unpicklable_part(value) or str(error)
    return None


def unpicklable_part(function: Any) -> str | None:
    """A description of what makes a function impossible to pickle; None if it is nothing inside it."""
    for kind, name, value in _parts(function):
        try:
            pickled(value, goes_by_name)
        except Exception as error:
            return f"its {kind} {name}, a {type(value).__qualname__}, cannot be pickled ({error})"
    return None


def _parts(function: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(function, functools.partial):
        yield "function", getattr(function.func, "__qualname__", "?"), function.func
        yield from (("argument", str(place), value) for place, value in enumerate(function.args))
        yield from (("argument", name, value) for name, value in function.keywords.items())
    elif isinstance(function, MethodType):
        yield from _parts(function.__self__)
    elif isinstance(function, FunctionType):
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            with suppress(ValueError):  # nothing is in it yet
                yield "variable", name, cell.cell_contents
        for name in code_names(function.__code__):
            if name in function.__globals__:
                yield "variable", name, function.__globals__[name]
    else:
        slots = chain.from_iterable(getattr(one, "__slots__", ()) for one in type(function).__mro__)
        for name in dict.fromkeys([*getattr(function, "__dict__", {}), *slots]):
            with suppress(AttributeError):  # nothing is in the slot yet
                yield "attribute", name, getattr(function, name)
