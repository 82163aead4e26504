"""Results on their way from a worker to the process that has started it: as bytes.

A class that both have, but not under a name that a worker can import, travels as its name in the process that is
to have it: those of `__main__`, which a worker was sent by value.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanout_pipeline.results.types.buffer import ResultBuffer

_WORDS, _OBJECTS, _NAMED = b"w", b"o", b"n"


def packed(results: ResultBuffer, called: Callable[[int], str] = "number {}".format) -> bytes:
    """All results: their words, or pickled. Raises TypeError where one cannot be.

    It names that by its type and by what is `called` with it, from its position.
    """
    words = results.words
    if words is not None:
        return _WORDS + words.tobytes()
    values = results.values()
    try:
        return packed_objects(values)
    except Exception:
        buffer = io.BytesIO(_NAMED)
        buffer.seek(0, io.SEEK_END)
        try:
            _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(values)
        except Exception as error:
            raise TypeError(_unsendable(values, called, error)) from error
        return buffer.getvalue()


def _unsendable(values: list[Any], called: Callable[[int], str], error: Exception) -> str:
    """Says which of the results it is that cannot be pickled."""
    for position, value in enumerate(values):
        try:
            _Pickler(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(value)
        except Exception as reason:
            kind = type(value).__qualname__
            return (
                f"the result of {called(position)}, a {kind}, cannot be pickled, so no worker can send it back: "
                f"{reason}. Return what it is made from, or have it made in this process: strategy='serial' or 'threads'."
            )
    return f"the results cannot be pickled: {error}"


def packed_objects(values: list[Any]) -> bytes:
    """The same of results that this process has made and will read."""
    return _OBJECTS + pickle.dumps(values, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> list[Any]:
    """The results that were packed."""
    kind, rest = data[:1], memoryview(data)[1:]
    if kind == _WORDS:
        return rest.cast("q").tolist()
    values: list[Any]
    values = pickle.loads(rest) if kind == _OBJECTS else _Unpickler(io.BytesIO(rest)).load()
    return values


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> tuple[str, str] | None:
        if not isinstance(value, type) or "<locals>" in value.__qualname__:
            return None
        name = value.__module__, value.__qualname__
        return name if _found(*name) is not value else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, name: tuple[str, str]) -> Any:
        found = _found(*name)
        if found is None:
            raise pickle.UnpicklingError(f"there is no {'.'.join(name)} in this process")
        return found


def _found(module: str, qualname: str) -> Any:
    return reduce(
        lambda at, name: getattr(at, name, None), qualname.split("."), sys.modules.get(module)
    )
