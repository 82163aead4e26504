"""What the user has put into classes, objects and closures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CellType, FunctionType
from typing import Any


def attributes(class_: type) -> Iterator[tuple[str, Any]]:
    """Of a class itself, by name: what it does, and what it holds but for Python's own."""
    for name, value in sorted(vars(class_).items()):
        does = isinstance(value, (FunctionType, staticmethod, classmethod, property))
        if does or not (name.startswith("__") and name.endswith("__")):
            yield name, value


def state(value: Any) -> dict[Any, Any]:
    """What an object holds, in slots or not."""
    slots = {
        name: getattr(value, name)
        for one in type(value).__mro__
        for name in _listed(vars(one).get("__slots__", ()))
        if hasattr(value, name)
    }
    return slots | getattr(value, "__dict__", {})


def contents(cells: Iterable[CellType]) -> Iterator[Any]:
    """Of the cells of a closure."""
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:  # nothing is in it yet
            yield None


def _listed(slots: str | Iterable[str]) -> list[str]:
    return [slots] if isinstance(slots, str) else list(slots)
