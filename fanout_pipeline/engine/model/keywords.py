"""Errors for keywords that nobody takes, which name the nearest that is taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_C = TypeVar("_C", bound=Callable[..., Any])


def names_keywords(called: _C) -> _C:
    """Decorate a function or a class: for a keyword that it does not take its TypeError names the nearest."""
    known = list(inspect.signature(called).parameters)
    function: Any = called.__dict__["__init__"] if isinstance(called, type) else called

    @wraps(function)
    def wrapped(*args: Any, **keywords: Any) -> Any:
        for name in keywords:
            if name not in known:
                from fanout_pipeline.sources.columns import nearest

                raise TypeError(f"{called.__name__} has no {name!r}. {nearest(name, known)}")
        return function(*args, **keywords)

    if not isinstance(called, type):
        return wrapped  # type: ignore[return-value]
    called.__init__ = wrapped  # type: ignore[misc]
    return called
