"""The types in which results are given to code that names one by its annotation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from fanout_pipeline.results.lazily import to_dataset, to_lazy
from fanout_pipeline.results.table import Table

FORMS: Mapping[str, Callable[[Table], Any]] = {
    "pandas.DataFrame": Table.to_pandas,
    "polars.DataFrame": Table.to_polars,
    "polars.LazyFrame": to_lazy,
    "pyarrow.Table": Table.to_arrow,
    "pyarrow.dataset.Dataset": to_dataset,
    "pyarrow.RecordBatchReader": Table.reader,
}
"""How each is made of a table. The first is what code gets that names none."""


def form_of(wanted: Any) -> Callable[[Table], Any] | None:
    """How a table is made an object of the type that is wanted; None if it cannot be."""
    if wanted in (None, Any, type(None)):
        return next(iter(FORMS.values()))
    for name, made in FORMS.items():
        module, _, attribute = name.rpartition(".")
        # Whoever has the type has imported its module.
        if module in sys.modules and getattr(sys.modules[module], attribute, None) is wanted:
            return made
    return None


def name_of(wanted: Any) -> str:
    """What messages call a type."""
    if isinstance(wanted, type) and not hasattr(wanted, "__origin__"):
        return f"{wanted.__module__}.{wanted.__qualname__}".removeprefix("builtins.")
    return str(wanted)
