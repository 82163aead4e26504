"""Results as pandas DataFrames: all at once, or in batches for data larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.table import Table, undisturbed

if TYPE_CHECKING:
    import pandas


def read_results(
    folder: str | Path | Snapshot, columns: Sequence[str] | None = None
) -> pandas.DataFrame:
    """All results, in the order of the items: columns `index` (int64), kept columns, and `result`.

    In place of `result` there are the fields of dicts, if these were unpacked. With `columns` these are the
    columns, and no others are read. Integers beyond int64, or with nulls among them, Decimals, UUIDs, lists and
    dicts make a column of Python values (dtype object). An item that failed has a null, or no row. Raises NoResults
    if the folder holds no complete results, ValueError for a column that it does not have.
    """
    return undisturbed(lambda: Table.of(folder, columns).to_pandas())


def iter_results(
    folder: str | Path, batch_items: int = 65_536, columns: Sequence[str] | None = None
) -> Iterator[pandas.DataFrame]:
    """The results in order, in DataFrames of at most `batch_items` rows; a column has one dtype."""
    yield from Table.of(folder, columns).frames(batch_items)
