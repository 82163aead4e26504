"""Which rows of a table are items: an expression of Arrow's in a form that can be compared, shown and sent."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pyarrow

_SHOWN = 100
"""The most characters of an expression that are shown."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """An expression that is true for the rows that are items."""

    pickled: bytes
    """Arrow's expression: two cannot be compared, and the text of a long one leaves out what tells it from others."""
    text: str

    @classmethod
    def of(cls, given: Any) -> Self:
        """From an expression, or from conditions as `pyarrow.parquet.read_table(filters=…)` takes them."""
        import pyarrow.compute

        if isinstance(given, cls):
            return given
        if not isinstance(given, pyarrow.compute.Expression):
            from pyarrow.parquet import filters_to_expression

            try:
                given = filters_to_expression(given)
            except (TypeError, ValueError) as error:
                raise TypeError(
                    "filter is an expression such as pyarrow.compute.field('amount') > 0, or conditions "
                    f"such as [('amount', '>', 0)], not {given!r}: {error}"
                ) from error
        text = str(given)
        if "FieldPath(" in text:
            raise ValueError(f"filter names a column by its position: {text}. Write its name.")
        return cls(pickle.dumps(given), text)

    def __repr__(self) -> str:
        text = " ".join(self.text.split())
        if len(text) <= _SHOWN:
            return text
        return f"{text[:_SHOWN]}… ({hashlib.sha256(self.pickled).hexdigest()[:16]})"

    def columns(self, names: Iterable[str]) -> list[str]:
        """Those of these columns that the expression refers to, and perhaps some more."""
        return [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.text)]

    def passing(self, rows: pyarrow.Table) -> pyarrow.ChunkedArray:
        """For each row whether it is an item; null stands for no. Raises pyarrow.ArrowException, or TypeError."""
        import pyarrow

        # Not pyarrow.acero, which has the same and imports pandas: 0.3 s in every worker process.
        from pyarrow._acero import Declaration, ProjectNodeOptions, TableSourceNodeOptions

        project = ProjectNodeOptions([pickle.loads(self.pickled)], ["passes"])
        source = Declaration("table_source", TableSourceNodeOptions(rows))
        answers = Declaration("project", project, [source]).to_table(use_threads=False)["passes"]
        if answers.type != pyarrow.bool_():
            raise TypeError(f"it is of type {answers.type} for each row, and not true or false")
        return answers
