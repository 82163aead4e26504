"""Which function made a result: its name and a hash of its code and of what the code refers to."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property, lru_cache, partial
from importlib.util import find_spec
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from fanout_pipeline.fanout import compiled
from fanout_pipeline.fanout.pickle_hash import pickle_hash

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_INSTALLED = ("site-packages", "dist-packages")
_PLAIN = (bool, float, complex, str, bytes, range, type(None), type(Ellipsis))
_Cached: Any = type(lru_cache(abs))


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    if isinstance(function, partial):
        return f"partial of {function_name(function.func)}"
    module = getattr(function, "__module__", "?")
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when what the function does changes.

    They tell of its compiled code, its defaults, its closure, and of the functions, classes and constants
    of modules that its code names, and so on; of a module that it imports when called, of the whole
    file. What is installed (the standard library, packages other than the function's own) counts
    by its name; an object of it by its pickle, as far as it has one, up to 64 MB. Files, the
    environment and modules that are named in texts are not seen. Another minor version of
    Python compiles to other code.
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
        told = [function_name(function), compiled.text(function.__code__)]
        told += [self._told(function.__defaults__), self._told(function.__kwdefaults__)]
        told += [self._told(value) for value in _contents(function.__closure__ or ())]
        if self._is_own(function):
            names = sorted(set(compiled.names(function.__code__)))
            named = self._named_in(function.__globals__, names, [])
            told += [f"{name}: {self._told(value)}" for name, value in named]
            told += self._imported(function)
        return "\0".join(told)

    def _named_in(
        self, there: Mapping[str, Any], names: Sequence[str], parents: list[ModuleType]
    ) -> Iterator[tuple[str, Any]]:
        """What the code names in a module, or as an attribute of another that is its own, and so on."""
        for name in names:
            if name not in there:
                continue
            value = there[name]
            yield name, value
            is_module = isinstance(value, ModuleType) and value not in parents
            if is_module and self._is_own_module(value.__name__, getattr(value, "__file__", None)):
                inside = self._named_in(vars(value), names, [*parents, value])
                yield from ((f"{name}.{inner}", found) for inner, found in inside)

    def _imported(self, function: FunctionType) -> Iterator[str]:
        """Files of the modules that the code imports when it is called, whether they are or not."""
        package = function.__globals__.get("__package__") or ""
        for name in sorted(set(compiled.imports(function.__code__))):
            # Absolute, or relative to the package: which of the two, the name does not say.
            for full in (name, f"{package}.{name}") if package else (name,):
                top = full.partition(".")[0]
                # To look for a module imports the packages around it: of what is installed, none.
                if not self._is_own_module(top, _origin(top)):
                    continue
                if (file := _origin(full)) is not None:
                    yield f"{full}: {_file_hash(file)}"

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
        return f"{function_name(type(value))} {pickle_hash(value, self._own_told)}"

    def _own_told(self, value: Any) -> str | None:
        own = isinstance(value, (FunctionType, type)) and self._is_own(value)
        return self._told(value) if own else None

    def _is_own(self, value: FunctionType | type) -> bool:
        """Whether it is of the function's own package, or of modules that are not installed."""
        if isinstance(value, FunctionType):
            return self._is_own_module(value.__module__, value.__code__.co_filename)
        module = sys.modules.get(value.__module__)
        return module is None or self._is_own_module(
            value.__module__, getattr(module, "__file__", None)
        )

    def _is_own_module(self, name: str | None, file: str | None) -> bool:
        if (name or "").partition(".")[0] == self._package:
            return True
        file = file or "<built in>"
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
        case cached_property():
            return (value.func,)
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


def _origin(module: str) -> str | None:
    """The file of a module, imported or not."""
    try:
        found = find_spec(module)
    except Exception:  # of a package around it, which is imported for this
        return None
    return found.origin if found is not None and found.has_location else None


def _file_hash(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _listed(slots: str | Iterable[str]) -> list[str]:
    return [slots] if isinstance(slots, str) else list(slots)
