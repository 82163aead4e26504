"""What messages call a function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    if isinstance(function, partial):
        return f"partial of {function_name(function.func)}"
    module = getattr(function, "__module__", "?") or "builtins"
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"
