"""Which function made a result: its name and a hash of its code."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType
from typing import Any


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    if isinstance(function, partial):
        return f"partial of {function_name(function.func)}"
    module = getattr(function, "__module__", "?")
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when the function's source does.

    Of a function whose source cannot be read, the compiled code; of a partial, the function and its
    arguments; of a dataclass that can be called, its class and its fields; functions among these
    by their own fingerprints. Of anything else, its name.
    """
    if isinstance(function, partial):
        keywords = sorted(function.keywords.items())
        bound = [_shown(value) for value in (function.func, *function.args)]
        bound += [f"{name}={_shown(value)}" for name, value in keywords]
        return _hashed(f"partial\0{bound}")
    if is_dataclass(function) and not isinstance(function, type):
        values = [getattr(function, field.name) for field in fields(function)]
        return _hashed(f"{function_fingerprint(type(function))}\0{list(map(_shown, values))}")
    try:
        code = inspect.getsource(function)
    except (OSError, TypeError):
        compiled = getattr(function, "__code__", None)
        defaults = getattr(function, "__defaults__", None)
        code = _stable(compiled) + repr(defaults) if compiled else ""
    return _hashed(f"{function_name(function)}\0{code}")


def _shown(value: Any) -> str:
    return function_fingerprint(value) if callable(value) else repr(value)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stable(constant: Any) -> str:
    """A text of compiled code that is the same in every process."""
    if isinstance(constant, CodeType):
        inner = ", ".join(map(_stable, constant.co_consts))
        return f"{constant.co_code.hex()} {constant.co_names} {constant.co_varnames} ({inner})"
    if isinstance(constant, frozenset):
        return str(sorted(map(repr, constant)))
    return repr(constant)
