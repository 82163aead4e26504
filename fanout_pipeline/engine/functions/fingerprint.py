"""Which function made a result: its name and a hash of its code and of what the code refers to."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property, lru_cache, partial
from importlib.util import find_spec
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from fanout_pipeline.engine.functions import compiled
from fanout_pipeline.engine.functions import contents as inside
from fanout_pipeline.engine.functions.pickle_hash import pickle_hash

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


_Walk = Generator[Any, Any, Any]
"""Gives each value that it needs the text of, is sent that, and returns a text or a list of texts."""


class _Told:
    """A text of a function that is the same in every process."""

    def __init__(self, function: Callable[..., Any]):
        self._hashes: dict[int, tuple[str, Any]] = {}
        """By its identity: of an object, and the object, so that no other gets its identity."""
        self._open: dict[int, int] = {}
        """Where the identities of what is being told stand: inside how many others."""
        root = function
        while isinstance(root, partial):
            root = root.func
        owner = root if isinstance(root, (FunctionType, type)) else type(root)
        self._package = _package(owner)
        self.text = self._told(function)

    def _told(self, value: Any) -> str:
        """Not by recursion: a list of the user's may have any number of links."""
        walks = [self._walk(value)]
        text: str | None = None
        while walks:
            try:
                needed = walks[-1].send(text)
            except StopIteration as end:
                text = end.value
                walks.pop()
            else:
                text = None
                walks.append(self._walk(needed))
        assert text is not None
        return text

    def _walk(self, value: Any) -> _Walk:
        text = self._known(value)
        if text is None:
            self._open[id(value)] = len(self._open)
            told = yield from self._inside(value)
            del self._open[id(value)]
            text = hashlib.sha256(f"{type(value).__qualname__}({told})".encode()).hexdigest()
            self._hashes[id(value)] = text, value
        return text

    def _known(self, value: Any) -> str | None:
        """The text of what has nothing inside, or was met before."""
        if isinstance(value, Enum):
            return f"{function_name(type(value))}.{value.name}"
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, int):
            return hex(value)
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if id(value) in self._open:
            return f"<{self._open[id(value)]}>"
        return self._hashes[id(value)][0] if id(value) in self._hashes else None

    def _inside(self, value: Any) -> _Walk:
        if isinstance(value, (tuple, list)):
            return ", ".join((yield from self._all(value)))
        if isinstance(value, (set, frozenset)):
            return ", ".join(sorted((yield from self._all(value))))
        if isinstance(value, dict):
            return (yield from self._dict(value))
        if isinstance(value, FunctionType):
            return (yield from self._function(value))
        if isinstance(value, type):
            return (yield from self._class(value))
        made_of = _made_of(value)
        if made_of is not None:
            return ", ".join((yield from self._all(made_of)))
        return (yield from self._object(value))

    def _all(self, values: Iterable[Any]) -> _Walk:
        told = []
        for value in values:
            text = self._known(value)
            told.append((yield value) if text is None else text)
        return told

    def _named(self, values: Iterable[tuple[str, Any]]) -> _Walk:
        told = []
        for name, value in values:
            (text,) = yield from self._all((value,))
            told.append(f"{name}: {text}")
        return told

    def _dict(self, values: Mapping[Any, Any]) -> _Walk:
        keys = yield from self._all(values)
        return ", ".join((yield from self._named(zip(keys, values.values(), strict=True))))

    def _function(self, function: FunctionType) -> _Walk:
        told = [function_name(function), compiled.text(function.__code__)]
        defaults = function.__defaults__, function.__kwdefaults__
        told += yield from self._all((*defaults, *inside.contents(function.__closure__ or ())))
        if self._is_own(function):
            names = sorted(set(compiled.names(function.__code__)))
            told += yield from self._named(self._named_in(function.__globals__, names, []))
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
                there_too = self._named_in(vars(value), names, [*parents, value])
                yield from ((f"{name}.{inner}", found) for inner, found in there_too)

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

    def _class(self, class_: type) -> _Walk:
        told = [function_name(class_)]
        if self._is_own(class_):
            told += yield from self._all(class_.__bases__)
            told += yield from self._named(inside.attributes(class_))
        return "\0".join(told)

    def _object(self, value: Any) -> _Walk:
        if self._is_own(type(value)):
            (kind,) = yield from self._all((type(value),))
            held = yield from self._dict(inside.state(value))
            return f"{kind}, {held}"
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
