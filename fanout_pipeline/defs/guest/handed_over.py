"""What a fan-out's asset gives to the project's own IO manager: what that asset would be loaded as downstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fanout_pipeline.results.forms import FORMS, form_of, made, name_of

if TYPE_CHECKING:
    from fanout_pipeline.defs.guest.recorded import Done


def require_type(wanted: Any) -> str:
    """The name of the type that is wanted. Raises TypeError if results do not come in it."""
    form = form_of(getattr(wanted, "typing_type", wanted))
    if form is None:
        raise TypeError(
            f"Results cannot be handed over as {name_of(wanted)}: name one of {', '.join(FORMS)} as dagster_type"
        )
    return form


def handed_over(several: Sequence[Done], wanted: Any) -> Any:
    """The results as a table of the type that is wanted: None and Any are a pandas DataFrame.

    Those of partitions have a column with their key. A `pyarrow.RecordBatchReader` reads them while the IO manager
    iterates over it, some thousand rows at a time.
    """
    from fanout_pipeline.results.table import Table

    return made(Table.of({done.partition: done.folder for done in several}), require_type(wanted))
