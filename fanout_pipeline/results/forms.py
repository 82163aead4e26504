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
DEFAULT = next(iter(FORMS))


def form_of(wanted: Any) -> str | None:
    """The name in FORMS of a type; None if it is none of them."""
    if wanted in (None, Any, type(None)):
        return DEFAULT
    for name in FORMS:
        module, _, attribute = name.rpartition(".")
        # Whoever has the type has imported its module.
        if module in sys.modules and getattr(sys.modules[module], attribute, None) is wanted:
            return name
    return None
