"""Items as Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow


def table_of(items: Sequence[Any], columns: Sequence[str] | None) -> pyarrow.Table:
    """A row for each item: these columns, or all; nulls for None and where a key is missing.

    Items that are no dicts are a column `item`. Raises ValueError where a column is of several types.
    """
    if not any(isinstance(item, dict) for item in items):
        items, columns = [{"item": item} for item in items], columns or ["item"]
    if columns is None:
        columns = list(
            dict.fromkeys(key for item in items if isinstance(item, dict) for key in item)
        )
    dicts = [item if isinstance(item, dict) else {} for item in items]
    try:
        return pyarrow.table({name: [item.get(name) for item in dicts] for name in columns})
    except (pyarrow.ArrowException, OverflowError) as error:
        raise ValueError(str(error)) from None
