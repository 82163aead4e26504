"""The types in which results are given to code that names one by its annotation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanout_pipeline.results.table import Table

FORMS = (
    "pandas.DataFrame",
    "polars.DataFrame",
    "polars.LazyFrame",
    "pyarrow.Table",
    "pyarrow.dataset.Dataset",
    "pyarrow.RecordBatchReader",
)
"""The types that hold a table. The first is what code gets that names none."""


def form_of(wanted: Any) -> str | None:
    """Which of these a type is; None if it is none of them."""
    if wanted in (None, Any, type(None)):
        return FORMS[0]
    for name in FORMS:
        module, _, attribute = name.rpartition(".")
        # Whoever has the type has imported its module.
        if module in sys.modules and getattr(sys.modules[module], attribute, None) is wanted:
            return name
    return None


def made(table: Table, form: str) -> Any:
    """The table as one of these."""
    from fanout_pipeline.results.lazily import to_dataset, to_lazy

    by_library = {"polars.LazyFrame": to_lazy, "pyarrow.dataset.Dataset": to_dataset}
    if form in by_library:
        return by_library[form](table)
    return {
        "pandas.DataFrame": table.to_pandas,
        "polars.DataFrame": table.to_polars,
        "pyarrow.Table": table.to_arrow,
        "pyarrow.RecordBatchReader": table.reader,
    }[form]()


def name_of(wanted: Any) -> str:
    """What messages call a type."""
    if isinstance(wanted, type) and not hasattr(wanted, "__origin__"):
        return f"{wanted.__module__}.{wanted.__qualname__}".removeprefix("builtins.")
    return str(wanted)
