"""What compiled code, closures and objects of other packages are made of."""

from __future__ import annotations

import dis
import hashlib
import pickle
from collections.abc import Callable, Iterable, Iterator
from types import CellType, CodeType, FunctionType
from typing import Any

_MOST_PICKLED_BYTES = 64 * 2**20


def code_names(code: CodeType) -> Iterator[str]:
    """Names that the code, or code inside it, looks up in its module or in objects."""
    for one in _with_inner(code):
        yield from one.co_names


def code_imports(code: CodeType) -> Iterator[str]:
    """Names of the modules that the code, or code inside it, imports."""
    for one in _with_inner(code):
        for instruction in dis.get_instructions(one):
            if instruction.opname == "IMPORT_NAME":
                yield instruction.argval


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def cell_values(cells: Iterable[CellType]) -> Iterator[Any]:
    """The values in the cells of a closure, None for a cell that is still empty."""
    for cell in cells:
        try:
            yield cell.cell_contents
        except ValueError:
            yield None


def pickle_hash(value: Any, is_own: Callable[[FunctionType | type], bool]) -> tuple[str, list[Any]]:
    """The hash of an object's pickle, and the user's own functions and classes that are in it.

    The hash is empty if the object cannot be pickled, and covers only the beginning of a large pickle.
    """
    pickler = _HashingPickler(is_own)
    try:
        pickler.dump(value)
    except _TooLong:
        pass
    except Exception:
        return "", []
    return pickler.digest.hexdigest(), pickler.own


class _TooLong(Exception):
    """Enough of a pickle was read."""


class _HashingPickler(pickle.Pickler):
    """Hashes a pickle as it is written, and keeps nothing of it."""

    def __init__(self, is_own: Callable[[FunctionType | type], bool]):
        super().__init__(self, protocol=5, buffer_callback=self._buffer)
        self.fast = True  # no references: equal strings may be one object or two
        self.digest = hashlib.sha256()
        self.own: list[Any] = []
        self._left = _MOST_PICKLED_BYTES
        self._is_own = is_own

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.digest.update(memoryview(data).cast("B")[: self._left])
        self._left -= size
        if self._left < 0:
            raise _TooLong
        return size

    def _buffer(self, buffer: pickle.PickleBuffer) -> None:
        """Large arrays are read in place: a copy might not fit into memory."""
        with buffer.raw() as data:
            self.write(data)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (FunctionType, type)) and self._is_own(value):
            self.own.append(value)
            return str, (value.__qualname__,)
        return NotImplemented
