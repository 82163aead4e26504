"""What a batch function is given: a pandas Series or DataFrame, or an Arrow table if it is annotated so."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from fanout_pipeline.sources.source import Items

_ARROW_TABLES = ("pyarrow.Table", "pa.Table", "pyarrow.lib.Table")


def batch_of(items: Items, function: Callable[[Any], Any]) -> Any:
    """The items that can be read as the function takes them: of pandas, or as an Arrow table."""
    if not takes_arrow(function):
        return items.as_batch()
    table = items.as_arrow()
    if len(table) > len(items) - len(items.unreadable):
        table = table.take([n for n in range(len(items)) if n not in items.unreadable])
    return table


def takes_arrow(function: Callable[[Any], Any]) -> bool:
    """Whether its first parameter is annotated as a `pyarrow.Table`, or with that text."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # Some callables of C have none.
        return False
    wanted = next((one.annotation for one in parameters), None)
    if isinstance(wanted, str):
        # Not evaluated: what it names may be imported for type checkers only.
        return wanted.strip("'\"") in _ARROW_TABLES
    return f"{getattr(wanted, '__module__', '')}.{getattr(wanted, '__name__', '')}" in _ARROW_TABLES


def rows_of(batch: Any, start: int, stop: int) -> Any:
    """Some of the rows of a batch, a batch like the whole."""
    if not hasattr(batch, "iloc"):
        return batch.slice(start, stop - start)
    # pandas: a function may look at the index.
    return batch.iloc[start:stop].reset_index(drop=True)
