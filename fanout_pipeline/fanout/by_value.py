"""Functions and classes as bytes that hold their code, for processes that cannot import them."""

from __future__ import annotations

import functools
import io
import pickle
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import cloudpickle

from fanout_pipeline.fanout.sending import can_import, has_name


def pickled(value: Any) -> bytes:
    """The value as bytes, by names where another process can import them.

    Raises whatever makes that impossible.
    """
    with ExitStack() as registered:
        while True:
            buffer = io.BytesIO()
            try:
                _Pickler(buffer).dump(value)
                return buffer.getvalue()
            except _OnlyHere as found:
                cloudpickle.register_pickle_by_value(found.module)
                registered.callback(cloudpickle.unregister_pickle_by_value, found.module)


class _OnlyHere(Exception):
    """A module that cloudpickle takes for importable, but another process could not import."""

    def __init__(self, module: ModuleType):
        super().__init__(module)
        self.module = module


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        reduced = super().reducer_override(value)
        if reduced is not NotImplemented:
            return reduced
        module = value.__name__ if isinstance(value, ModuleType) else None
        if has_name(value):
            module = value.__module__
        if module not in sys.modules or can_import(module):
            return reduced
        if isinstance(value, (FunctionType, type)) or (
            isinstance(value, ModuleType)
            and module not in cloudpickle.list_registry_pickle_by_value()
        ):
            raise _OnlyHere(sys.modules[module])
        if not isinstance(value, (ModuleType, MethodType)) and isinstance(value.__reduce__(), str):
            raise pickle.PicklingError(
                f"{value.__qualname__} is known only by its name in {module}, "
                "which no other process can import"
            )
        return reduced


def culprit(function: Any) -> str | None:
    """Which of the things that a function refers to cannot be pickled."""
    for kind, name, value in _parts(function):
        try:
            pickled(value)
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
