"""Functions and classes as bytes that hold their code, for processes that cannot import them."""

from __future__ import annotations

import functools
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from enum import Enum
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import cloudpickle

from fanout_pipeline.engine.functions.anew import (
    ANEW,
    NAMED,
    is_known_by_name,
    is_there,
    object_reduced,
)
from fanout_pipeline.engine.functions.class_by_value import class_reduced, member_reduced
from fanout_pipeline.engine.functions.importable import goes_by_name, has_name

GoesByName = Callable[[str | None], bool]
"""Whether the process that reads it is to import a module of this name."""


def pickled(value: Any, goes_by_name: GoesByName) -> tuple[bytes, set[str]]:
    """The value as bytes, and of which modules something is in these with its code.

    Of modules that `goes_by_name` there are names only. Raises whatever makes that impossible.
    """
    with ExitStack() as registered:
        while True:
            pickler = _Pickler(buffer := io.BytesIO(), goes_by_name)
            try:
                pickler.dump(value)
                return buffer.getvalue(), pickler.copied
            except _OnlyHere as found:
                cloudpickle.register_pickle_by_value(found.module)
                registered.callback(cloudpickle.unregister_pickle_by_value, found.module)


_OF_A_CLASS = 6
"""So long is cloudpickle's reduction of one; types of Python's that have no name there have a shorter."""


class _OnlyHere(Exception):
    """A module that cloudpickle takes for importable, and that is not to be imported."""

    def __init__(self, module: ModuleType):
        super().__init__(module)
        self.module = module


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child(ANEW)

    def __init__(self, buffer: io.BytesIO, goes_by_name: GoesByName):
        super().__init__(buffer)
        self._goes_by_name = functools.cache(goes_by_name)
        self.copied: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        module = _module_of(value)
        by_name = self._goes_by_name(module)
        if not by_name and module in sys.modules and not isinstance(value, ModuleType):
            self.copied.add(str(module))
        reduced = super().reducer_override(value)
        if reduced is not NotImplemented:
            is_made = isinstance(value, type) and len(reduced) == _OF_A_CLASS
            return class_reduced(value, reduced, self._goes_by_name) if is_made else reduced
        if not self._goes_by_name(type(value).__module__):
            if isinstance(value, Enum):
                return member_reduced(value) or reduced
            if module is None and is_known_by_name(value):
                return object_reduced(value)
        if type(value) in NAMED and not (by_name and is_there(value)):
            return NAMED[type(value)](value)
        if by_name or module not in sys.modules:
            return reduced
        is_registered = module in cloudpickle.list_registry_pickle_by_value()
        if isinstance(value, (FunctionType, type, TypeVar, ModuleType)) and not is_registered:
            raise _OnlyHere(sys.modules[module])
        if type(value) not in self.dispatch_table and isinstance(value.__reduce__(), str):
            raise pickle.PicklingError(
                f"{value.__qualname__} is known only by its name in {module}, "
                "which no other process can import"
            )
        return reduced


def _module_of(value: Any) -> str | None:
    if isinstance(value, ModuleType):
        return value.__name__
    return value.__module__ if has_name(value) else None


def culprit(function: Any) -> str | None:
    """Which of the things that a function refers to cannot be pickled."""
    for kind, name, value in _parts(function):
        try:
            pickled(value, goes_by_name)
        except Exception as error:
            return f"its {kind} {name}, a {type(value).__qualname__}, cannot be pickled ({error})"
    return None


def _parts(function: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(function, functools.partial):
        yield "function", getattr(function.func, "__qualname__", "?"), function.func
        named = {**{str(n): value for n, value in enumerate(function.args)}, **function.keywords}
        yield from (("argument", name, value) for name, value in named.items())
    elif isinstance(function, MethodType):
        yield from _parts(function.__self__)
    elif isinstance(function, FunctionType):
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            with suppress(ValueError):  # nothing is in it yet
                yield "variable", name, cell.cell_contents
        for name in _names(function.__code__):
            if name in function.__globals__:
                yield "variable", name, function.__globals__[name]
    else:
        for name, value in getattr(function, "__dict__", {}).items():
            yield "attribute", name, value


def _names(code: CodeType) -> Iterator[str]:
    """Names that the code, or code inside it, looks up in its module."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
