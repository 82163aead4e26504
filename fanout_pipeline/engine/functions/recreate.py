"""How objects are recreated that Python cannot pickle: locks, caches, context variables.

A worker that imports a module has that module's own locks and caches. A worker that gets the module's
functions with their code gets new ones, as they would be after an import.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import Context, ContextVar
from types import CodeType
from typing import Any, NewType, ParamSpec, TypeVarTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import cloudpickle

Reduced = tuple[Any, ...]
"""What `__reduce__` returns."""


def _reduce_cached(function: Any) -> Reduced:
    arguments = function.__wrapped__, function.cache_parameters()
    return _cached, arguments, vars(function)


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _type_parameter(kind: Callable[[str], Any], name: str, module: str) -> Any:
    made = kind(name)
    made.__module__ = module
    return made


def _reduce_code(code: CodeType) -> Reduced:
    """As cloudpickle does, but with the name of its file, which tracebacks show."""
    made, arguments, *_ = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return made, tuple(code.co_filename if one == "<dynamic-code>" else one for one in arguments)


def _thread_local(attributes: dict[str, Any]) -> threading.local:
    local = threading.local()
    vars(local).update(attributes)
    return local


def _reduce_variable(variable: ContextVar[Any]) -> Reduced:
    default = _one_or_none(lambda: Context().run(variable.get))
    return _variable, (variable.name, default, _one_or_none(variable.get))


def _one_or_none(get: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        return (get(),)
    except LookupError:
        return ()


def _variable(name: str, default: tuple[Any, ...], value: tuple[Any, ...]) -> ContextVar[Any]:
    variable = ContextVar(name, default=default[0]) if default else ContextVar[Any](name)
    if value:
        variable.set(value[0])
    return variable


REDUCERS: dict[type, Callable[[Any], Reduced]] = {
    type(threading.Lock()): lambda lock: (threading.Lock, ()),
    type(threading.RLock()): lambda lock: (threading.RLock, ()),
    CodeType: _reduce_code,
    threading.local: lambda local: (_thread_local, (vars(local).copy(),)),
    ContextVar: _reduce_variable,
    WeakKeyDictionary: lambda weak: (WeakKeyDictionary, (dict(weak),)),
    WeakValueDictionary: lambda weak: (WeakValueDictionary, (dict(weak),)),
}
"""How objects of exactly these types are recreated."""

NAMED_REDUCERS: dict[type, Callable[[Any], Reduced]] = {
    type(functools.lru_cache(abs)): _reduce_cached,
    NewType: lambda one: (NewType, (one.__name__, one.__supertype__), vars(one)),
    ParamSpec: lambda one: (_type_parameter, (ParamSpec, one.__name__, one.__module__)),
    TypeVarTuple: lambda one: (_type_parameter, (TypeVarTuple, one.__name__, one.__module__)),
}
"""How objects of exactly these types are recreated where a worker does not find them by name in a module that it
imports."""
