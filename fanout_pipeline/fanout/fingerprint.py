"""Which function made a result: its name and a hash of its code."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from types import CodeType
from typing import Any


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    module = getattr(function, "__module__", "?")
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when the function's source does.

    Of a function whose source cannot be read, the compiled code; of a dataclass that can be called,
    its class and its fields, functions among them by their own fingerprints; of anything else, its
    name.
    """
    if is_dataclass(function) and not isinstance(function, type):
        values = [getattr(function, field.name) for field in fields(function)]
        shown = [function_fingerprint(v) if callable(v) else repr(v) for v in values]
        text = f"{function_fingerprint(type(function))}\0{shown}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        code = inspect.getsource(function)
    except (OSError, TypeError):
        compiled = getattr(function, "__code__", None)
        defaults = getattr(function, "__defaults__", None)
        code = _stable(compiled) + repr(defaults) if compiled else ""
    return hashlib.sha256(f"{function_name(function)}\0{code}".encode()).hexdigest()[:16]


def _stable(constant: Any) -> str:
    """A text of compiled code that is the same in every process."""
    if isinstance(constant, CodeType):
        inner = ", ".join(map(_stable, constant.co_consts))
        return f"{constant.co_code.hex()} {constant.co_names} {constant.co_varnames} ({inner})"
    if isinstance(constant, frozenset):
        return str(sorted(map(repr, constant)))
    return repr(constant)
