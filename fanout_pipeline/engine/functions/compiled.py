"""Compiled code: what it names, what it imports, and a text of it."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any


def names(code: CodeType) -> Iterator[str]:
    """Names that the code, or code inside it, looks up in its module or in objects."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)


def imports(code: CodeType) -> Iterator[str]:
    """Names of the modules that the code, or code inside it, imports."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from imports(constant)


def text(constant: Any) -> str:
    """A text of compiled code, or of a constant of it, that is the same in every process."""
    if isinstance(constant, CodeType):
        inner = ", ".join(map(text, constant.co_consts))
        code = constant.co_code + constant.co_exceptiontable
        takes = constant.co_argcount, constant.co_kwonlyargcount, constant.co_flags
        named = f"{constant.co_names} {constant.co_varnames}"
        return f"{code.hex()} {takes} {named} ({inner})"
    if isinstance(constant, frozenset):
        return str(sorted(map(repr, constant)))
    return repr(constant)
