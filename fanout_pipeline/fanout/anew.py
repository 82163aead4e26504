"""What Python cannot pickle and any process can make anew: locks, caches, context variables.

A worker that imports the module has its own of each, empty or as its module has set it; so has one that
gets the module's functions with their code.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from contextvars import Context, ContextVar
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

Cached: Any = type(functools.lru_cache(abs))

Reduced = tuple[Any, ...]
"""As `__reduce__` gives it."""


def is_there(value: Any) -> bool:
    """Whether what its module knows by the thing's name is the thing."""
    try:
        return attrgetter(value.__qualname__)(sys.modules[value.__module__]) is value
    except (AttributeError, KeyError):
        return False


def cached_anew(function: Any) -> Reduced:
    """A function with `functools.cache` or `lru_cache` around it; nothing is in its cache."""
    made_of = function.__wrapped__, function.cache_parameters()
    return _cached, made_of, vars(function)


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


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
