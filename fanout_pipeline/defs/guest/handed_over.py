"""What a fan-out's asset gives to the project's own IO manager: what that asset would be loaded as downstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanout_pipeline.defs.guest.recorded import Done


def handed_over(several: Sequence[Done], wanted: Any = None) -> Any:
    """The results as a table of the type that is wanted: None and Any are a pandas DataFrame.

    Those of partitions have a column with their key. A `pyarrow.RecordBatchReader` reads them while the IO manager
    iterates over it, some thousand rows at a time. Raises TypeError for a type in which results do not come.
    """
    from fanout_pipeline.results.forms import FORMS, form_of, name_of
    from fanout_pipeline.results.table import Table

    form = form_of(wanted)
    if form is None:
        raise TypeError(
            f"Results cannot be handed over as {name_of(wanted)}: name one of {', '.join(FORMS)} as dagster_type"
        )
    return form(Table.of({done.partition: done.folder for done in several}))
