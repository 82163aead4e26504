"""Which function made a result: its name, and a hash of its code and of what the code refers to.

The values that a function refers to, directly or through others, form a graph. Each value is taken apart
into a text and the values inside it; its hash is that of its text and of their hashes, so that the
function's hash covers all of them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property, lru_cache, partial
from importlib.util import find_spec
from operator import attrgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from fanout_pipeline.engine.functions.contents import (
    cell_values,
    code_imports,
    code_names,
    pickle_hash,
)
from fanout_pipeline.engine.functions.name import function_name

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_INSTALLED = ("site-packages", "dist-packages")
_ATOMS = (bool, float, complex, str, bytes, range, type(None), type(Ellipsis))
_BEHAVIOUR = (FunctionType, staticmethod, classmethod, property)
_INSIDE: dict[type, Callable[[Any], Sequence[Any]]] = {
    Enum: lambda member: (type(member), member.name, member.value),
    tuple: tuple,
    list: tuple,
    dict: lambda values: (*values, *values.values()),
    partial: attrgetter("func", "args", "keywords"),
    MethodType: attrgetter("__func__", "__self__"),
    property: attrgetter("fget", "fset"),
    cached_property: lambda cached: (cached.func,),
    staticmethod: lambda method: (method.__wrapped__,),
    classmethod: lambda method: (method.__wrapped__,),
    type(lru_cache(abs)): lambda cached: (cached.__wrapped__,),
}
"""The values inside containers, and inside what Python wraps around a function."""


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when what the function does changes.

    They cover its compiled code, its defaults, its closure, and the functions, classes and constants of
    modules that its code names, and what these refer to in turn; of a module that it imports when it is
    called, the whole file. What is installed (the standard library, packages other than the function's
    own) counts by its name; an object of such a package by its pickle, if it has one, up to 64 MB. Files,
    the environment and modules named in strings are not seen. Another minor version of Python compiles
    to other code.
    """
    root = function
    while isinstance(root, partial):
        root = root.func
    owner = root if isinstance(root, (FunctionType, type)) else type(root)
    text = f"{function_name(function)}\0{_Hashing(_top_package(owner.__module__)).of(function)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Parts(NamedTuple):
    """A value taken apart."""

    text: str
    values: Sequence[Any] = ()
    is_ordered: bool = True


class _Hashing:
    """Hashes values so that the same value has the same hash in every process."""

    def __init__(self, package: str):
        self._package = package
        """The function's own top-level package, which is taken apart even where it is installed."""
        self._hashes: dict[int, str] = {}
        """The hashes of values by their ids. A value that encloses the current one has its depth: a cycle meets it again."""
        self._kept_alive: list[Any] = []
        """The values in `_hashes`, so that no other value is given the same id."""

    def of(self, root: Any) -> str:
        """Depth first, and without recursion: a linked list may be of any length."""
        stack: list[tuple[Any, _Parts | None]] = [(root, None)]
        depth = 0
        while stack:
            value, parts = stack.pop()
            if parts is not None:  # all that is inside it has been hashed
                inside = [self._known(inner) or "" for inner in parts.values]
                joined = ", ".join(inside if parts.is_ordered else sorted(inside))
                text = f"{type(value).__qualname__}({parts.text}\0{joined})"
                digest = hashlib.sha256(text.encode(errors="surrogatepass"))
                self._hashes[id(value)] = digest.hexdigest()
                depth -= 1
            elif self._known(value) is None:
                parts = self._take_apart(value)
                self._kept_alive.append((value, parts))
                self._hashes[id(value)] = f"<{depth}>"
                depth += 1
                stack.append((value, parts))
                stack += [(inner, None) for inner in parts.values]
        return self._known(root) or ""

    def _known(self, value: Any) -> str | None:
        return _atom_text(value) or self._hashes.get(id(value))

    def _take_apart(self, value: Any) -> _Parts:
        for kind, inside in _INSIDE.items():
            if isinstance(value, kind):
                return _Parts("", inside(value))
        if isinstance(value, (set, frozenset)):
            # Sorted, for hashes in a cycle depend on where it is entered.
            by_name = sorted(value, key=lambda one: _atom_text(one) or function_name(one))
            return _Parts("", by_name, is_ordered=False)
        if isinstance(value, CodeType):
            return _code_parts(value)
        if isinstance(value, FunctionType):
            return self._function_parts(value)
        if isinstance(value, type):
            return self._class_parts(value)
        if self._is_own(type(value)):
            return _Parts("", (type(value), object.__getstate__(value)))
        pickled, own = pickle_hash(value, self._is_own)
        return _Parts(f"{function_name(value)} {pickled}", own)

    def _function_parts(self, function: FunctionType) -> _Parts:
        values = [function.__code__, function.__defaults__, function.__kwdefaults__]
        values += cell_values(function.__closure__ or ())
        texts = [function_name(function)]
        if self._is_own(function):
            names = sorted(set(code_names(function.__code__)))
            for name, value in self._globals(function.__globals__, names, []):
                texts.append(name)
                values.append(value)
            texts += self._imported_files(function)
        return _Parts("\0".join(texts), values)

    def _globals(
        self, namespace: Mapping[str, Any], names: Sequence[str], parents: list[ModuleType]
    ) -> Iterator[tuple[str, Any]]:
        """What the code names in a module, or as an attribute of another of its own modules, and so on."""
        for name in names:
            if name not in namespace:
                continue
            value = namespace[name]
            yield name, value
            if not isinstance(value, ModuleType) or value in parents:
                continue
            if self._is_own_module(value.__name__, getattr(value, "__file__", None)):
                inner = self._globals(vars(value), names, [*parents, value])
                yield from ((f"{name}.{attribute}", found) for attribute, found in inner)

    def _imported_files(self, function: FunctionType) -> Iterator[str]:
        """Hashes of the modules that the code imports when it is called, whether or not they are loaded."""
        package = function.__globals__.get("__package__") or ""
        for name in sorted(set(code_imports(function.__code__))):
            # The import may be absolute or relative to the package; the name alone does not say.
            for full in (name, f"{package}.{name}") if package else (name,):
                top = _top_package(full)
                # Looking for a module imports the packages around it: not those that are installed.
                if self._is_own_module(top, getattr(_spec(top), "origin", None)) and (
                    spec := _spec(full)
                ):
                    data = spec.loader.get_data(spec.origin)
                    yield f"{full}: {hashlib.sha256(data).hexdigest()}"

    def _class_parts(self, class_: type) -> _Parts:
        if not self._is_own(class_):
            return _Parts(function_name(class_))
        defined = {
            name: value
            for name, value in sorted(vars(class_).items())
            if isinstance(value, _BEHAVIOUR) or not (name.startswith("__") and name.endswith("__"))
        }
        return _Parts(
            "\0".join((function_name(class_), *defined)), (*class_.__bases__, *defined.values())
        )

    def _is_own(self, value: FunctionType | type) -> bool:
        """Whether it belongs to the function's own package, or to a module that is not installed."""
        if isinstance(value, FunctionType):
            return self._is_own_module(value.__module__, value.__code__.co_filename)
        module = sys.modules.get(value.__module__)
        file = getattr(module, "__file__", None)
        return module is None or self._is_own_module(value.__module__, file)

    def _is_own_module(self, name: str | None, file: str | None) -> bool:
        if name != "builtins" and _top_package(name) == self._package:
            return True
        file = file or "<built in>"
        installed = any(f"{os.sep}{folder}{os.sep}" in file for folder in _INSTALLED)
        return not installed and not file.startswith((_STANDARD_LIBRARY, "<"))


def _atom_text(value: Any) -> str | None:
    """The text of a value that has no others inside it."""
    if isinstance(value, Enum):
        return None
    if isinstance(value, _ATOMS):
        return repr(value)
    if isinstance(value, int):
        return hex(value)  # repr refuses integers of many digits
    return f"module {value.__name__}" if isinstance(value, ModuleType) else None


def _code_parts(code: CodeType) -> _Parts:
    instructions = (code.co_code + code.co_exceptiontable).hex()
    signature = code.co_argcount, code.co_kwonlyargcount, code.co_flags
    text = f"{instructions} {signature} {code.co_names} {code.co_varnames}"
    return _Parts(text, code.co_consts)


def _top_package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _spec(module: str) -> Any:
    """The spec of a module, imported or not; None if there is no file of it."""
    try:
        found = find_spec(module)
    except Exception:  # raised by a package around it, which is imported for this
        return None
    return found if found is not None and found.has_location else None
