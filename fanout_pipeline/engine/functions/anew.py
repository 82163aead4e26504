"""What Python cannot pickle and any process can make anew: locks, caches, context variables.

A worker that imports the module has its own of each, empty or as its module has set it; so has one that
gets the module's functions with their code.
"""

from __future__ import annotations

import copyreg
import functools
import sys
import threading
from collections.abc import Callable
from contextvars import Context, ContextVar
from operator import attrgetter
from types import FunctionType
from typing import Any, NewType, ParamSpec, TypeVarTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

Reduced = tuple[Any, ...]
"""As `__reduce__` gives it."""


def is_there(value: Any) -> bool:
    """Whether what its module knows by the thing's name is the thing."""
    try:
        name = getattr(value, "__qualname__", value.__name__)
        return attrgetter(name)(sys.modules[value.__module__]) is value
    except (AttributeError, KeyError):
        return False


def is_known_by_name(value: Any) -> bool:
    """Whether its class says that the module has it, as of a value of which there is one."""
    reduce = type(value).__reduce__
    return isinstance(reduce, FunctionType) and isinstance(reduce(value), str)


def object_reduced(value: Any) -> Reduced:
    """As if its class said nothing of that."""
    return copyreg.__newobj__, (type(value),), value.__getstate__()  # type: ignore[attr-defined]


def _cached_anew(function: Any) -> Reduced:
    made_of = function.__wrapped__, function.cache_parameters()
    return _cached, made_of, vars(function)


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _of_module(kind: Callable[[str], Any], name: str, module: str) -> Any:
    made = kind(name)
    made.__module__ = module
    return made


def _local_anew(local: threading.local) -> Reduced:
    return _local, (vars(local).copy(),)


def _local(held: dict[str, Any]) -> threading.local:
    local = threading.local()
    vars(local).update(held)
    return local


def _variable_anew(variable: ContextVar[Any]) -> Reduced:
    return _variable, (variable.name, _got(Context().run, variable.get), _got(variable.get))


def _got(get: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    try:
        return (get(*arguments),)
    except LookupError:
        return ()


def _variable(name: str, default: tuple[Any, ...], value: tuple[Any, ...]) -> ContextVar[Any]:
    variable: ContextVar[Any] = (
        ContextVar(name, default=default[0]) if default else ContextVar(name)
    )
    for one in value:
        variable.set(one)
    return variable


ANEW: dict[type, Callable[[Any], Reduced]] = {
    type(threading.Lock()): lambda lock: (threading.Lock, ()),
    type(threading.RLock()): lambda lock: (threading.RLock, ()),
    threading.local: _local_anew,
    ContextVar: _variable_anew,
    WeakKeyDictionary: lambda weak: (WeakKeyDictionary, (dict(weak),)),
    WeakValueDictionary: lambda weak: (WeakValueDictionary, (dict(weak),)),
}
"""By their exact types."""

NAMED: dict[type, Callable[[Any], Reduced]] = {
    type(functools.lru_cache(abs)): _cached_anew,
    NewType: lambda one: (NewType, (one.__name__, one.__supertype__), vars(one)),
    ParamSpec: lambda one: (_of_module, (ParamSpec, one.__name__, one.__module__)),
    TypeVarTuple: lambda one: (_of_module, (TypeVarTuple, one.__name__, one.__module__)),
}
"""The same, but where their module is imported they are known by their names."""
