"""Items as Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow


def table_of(items: Sequence[Any], columns: Sequence[str] | None) -> pyarrow.Table:
    """A row for each item: these columns, or all; nulls where a key is missing, and for what is no dict beside dicts.

    Items that are no dicts are a column `item`. Raises ValueError where a column is of several types.
    """
    if not any(isinstance(item, dict) for item in items):
        items, columns = [{"item": item} for item in items], columns or ["item"]
    rows = [item if isinstance(item, dict) else {} for item in items]
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    try:
        return pyarrow.table({name: [row.get(name) for row in rows] for name in columns})
    except (pyarrow.ArrowException, OverflowError) as error:
        raise ValueError(str(error)) from None
