"""Which function made a result: its name and a hash of its code."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any


def function_name(function: Callable[..., Any]) -> str:
    """`module:name`, as a person would look it up."""
    module = getattr(function, "__module__", "?")
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def function_fingerprint(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits that change when the function's source does.

    Of a function whose source cannot be read, the compiled code; of anything else, its name.
    """
    try:
        code = inspect.getsource(function).encode()
    except (OSError, TypeError):
        compiled = getattr(function, "__code__", None)
        code = compiled.co_code + repr(compiled.co_consts).encode() if compiled else b""
    return hashlib.sha256(function_name(function).encode() + b"\0" + code).hexdigest()[:16]
