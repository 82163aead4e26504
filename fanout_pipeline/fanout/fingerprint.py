"""Which function made a result: its name and a hash of its code and of what the code refers to."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_INSTALLED = ("site-packages", "dist-packages")
_PLAIN = (bool, float, complex, str, bytes, range, type(None), type(Ellipsis))
_Cached: Any = type(lru_cache(abs))
_LARGEST = 64 * 2**20
"""Bytes of an object of another package that are looked at."""


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    if isinstance(function, partial):
        return f"partial of {function_name(function.func)}"
    module = getattr(function, "__module__", "?")
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when what the function does changes.

    They tell of its compiled code, its defaults, its closure, and of the functions, classes and constants
    of modules that its code names, and so on. What is installed (the standard library, packages
    other than the function's own) counts by its name; an object of it by its pickle, as far as it
    has one. Files, the environment and modules that are named in texts are not seen. Another
    minor version of Python compiles to other code.
    """
    text = _Told(function).text
    return hashlib.sha256(f"{function_name(function)}\0{text}".encode()).hexdigest()[:16]


class _Told:
    """A text of a function that is the same in every process."""

    def __init__(self, function: Callable[..., Any]):
        self._hashes: dict[int, tuple[str, Any]] = {}
        """By its identity: of an object, and the object, so that no other gets its identity."""
        self._open: list[int] = []
        """The identities of what is being told."""
        root = function
        while isinstance(root, partial):
            root = root.func
        owner = root if isinstance(root, (FunctionType, type)) else type(root)
        self._package = _package(owner)
        self.text = self._told(function)

    def _told(self, value: Any) -> str:
        if isinstance(value, Enum):
            return f"{function_name(type(value))}.{value.name}"
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, int):
            return hex(value)
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if id(value) in self._open:
            return f"<{self._open.index(id(value))}>"
        if id(value) not in self._hashes:
            self._open.append(id(value))
            text = f"{type(value).__qualname__}({self._inside(value)})"
            self._open.pop()
            self._hashes[id(value)] = hashlib.sha256(text.encode()).hexdigest(), value
        return self._hashes[id(value)][0]

    def _inside(self, value: Any) -> str:
        if isinstance(value, (tuple, list)):
            return self._all(value)
        if isinstance(value, (set, frozenset)):
            return ", ".join(sorted(map(self._told, value)))
        if isinstance(value, dict):
            return self._named(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        made_of = _made_of(value)
        return self._object(value) if made_of is None else self._all(made_of)

    def _all(self, values: Iterable[Any]) -> str:
        return ", ".join(map(self._told, values))

    def _named(self, values: Mapping[Any, Any]) -> str:
        return ", ".join(f"{self._told(key)}: {self._told(values[key])}" for key in values)

    def _function(self, function: FunctionType) -> str:
        told = [function_name(function), _stable(function.__code__)]
        told += [self._told(function.__defaults__), self._told(function.__kwdefaults__)]
        told += [self._told(value) for value in _contents(function.__closure__ or ())]
        if self._is_own(function):
            told += [f"{name}: {self._told(value)}" for name, value in self._globals(function)]
        return "\0".join(told)

    def _globals(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        """What the code names in its module, or as an attribute of another module of its package."""
        names = sorted(set(_names(function.__code__)))
        for name in names:
            value = function.__globals__.get(name)
            if name not in function.__globals__:
                continue
            yield name, value
            if isinstance(value, ModuleType) and _package(value) == self._package:
                there = [inner for inner in names if inner in vars(value)]
                yield from ((f"{name}.{inner}", vars(value)[inner]) for inner in there)

    def _class(self, class_: type) -> str:
        told = [function_name(class_)]
        if self._is_own(class_):
            told += map(self._told, class_.__bases__)
            for name, value in sorted(vars(class_).items()):
                does = isinstance(value, (FunctionType, staticmethod, classmethod, property))
                if does or not (name.startswith("__") and name.endswith("__")):
                    told.append(f"{name}: {self._told(value)}")
        return "\0".join(told)

    def _object(self, value: Any) -> str:
        if self._is_own(type(value)):
            slots = {
                name: getattr(value, name)
                for one in type(value).__mro__
                for name in _listed(vars(one).get("__slots__", ()))
                if hasattr(value, name)
            }
            state = slots | getattr(value, "__dict__", {})
            return f"{self._told(type(value))}, {self._named(state)}"
        return f"{function_name(type(value))} {_pickle_hash(value)}"

    def _is_own(self, value: FunctionType | type) -> bool:
        """Whether it is of the function's own package, or of modules that are not installed."""
        if _package(value) == self._package:
            return True
        if isinstance(value, FunctionType):
            file = value.__code__.co_filename
        elif value.__module__ not in sys.modules:
            return True
        else:
            file = getattr(sys.modules[value.__module__], "__file__", None) or "<built in>"
        installed = any(f"{os.sep}{name}{os.sep}" in file for name in _INSTALLED)
        return not installed and not file.startswith((_STANDARD_LIBRARY, "<"))


def _made_of(value: Any) -> tuple[Any, ...] | None:
    """What is inside a callable that Python itself has made around another."""
    match value:
        case partial():
            return value.func, value.args, value.keywords
        case MethodType():
            return value.__func__, value.__self__
        case BuiltinFunctionType():
            return function_name(value), value.__self__
        case property():
            return value.fget, value.fset
        case staticmethod() | classmethod() | _Cached():
            return (value.__wrapped__,)
    return None


def _package(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__ or ""
    return str(name).partition(".")[0]


def _contents(cells: Iterable[CellType]) -> Iterator[Any]:
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # nothing is in it yet
            yield None


def _names(code: CodeType) -> Iterator[str]:
    """Names that the code, or code inside it, looks up in its module or in objects."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _listed(slots: str | Iterable[str]) -> list[str]:
    return [slots] if isinstance(slots, str) else list(slots)


class _Hash:
    """A file that keeps a hash of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._left = _LARGEST

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._left -= size
        if self._left < 0:
            raise ValueError
        self.digest.update(data)
        return size


def _pickle_hash(value: Any) -> str:
    """Nothing, where it cannot be pickled or is large."""
    file = _Hash()
    try:
        pickler = pickle.Pickler(file, protocol=4)
        pickler.fast = True  # by value: without it, equal texts may be one object or two
        pickler.dump(value)
    except Exception:
        return ""
    return file.digest.hexdigest()


def _stable(constant: Any) -> str:
    """A text of compiled code."""
    if isinstance(constant, CodeType):
        inner = ", ".join(map(_stable, constant.co_consts))
        code = constant.co_code + constant.co_exceptiontable
        return f"{code.hex()} {constant.co_names} {constant.co_varnames} ({inner})"
    if isinstance(constant, frozenset):
        return str(sorted(map(repr, constant)))
    return repr(constant)
