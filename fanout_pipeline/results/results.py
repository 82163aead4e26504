"""The results of one call of `fan_out`: a sequence, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.kept import Kept

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from fanout_pipeline.results.table import Table

_SHOWN = 5
_SHOWN_CHARACTERS = 200


class Results(Sequence[Any]):
    """The results of one call, in the order of the items.

    To iterate takes flat memory, and one result is read without the others. A folder that nobody has named goes
    with this object, at the latest when Python ends; `close()` and the end of a `with` block remove it, too.
    """

    def __init__(self, kept: Kept, record: Any = None):
        self.record = record
        """How the run went: strategy and why, seconds by phase, workers, what was reused. A `RunRecord`; None of a run
        that has ended early, and of results that were loaded from a folder."""
        self._kept: Kept | None = kept
        self._block: tuple[int, Sequence[Any]] = (0, ())

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """The results that are visible in a folder; they have no record. Raises NoResults."""
        from fanout_pipeline.results.kept import KeptInFolder
        from fanout_pipeline.results.read import Snapshot

        return cls(KeptInFolder(Snapshot.of(folder), None, Path(folder)))

    @property
    def path(self) -> Path | None:
        """The folder with the files of the results; None where they are in memory."""
        return self._opened.path

    @property
    def failures(self) -> pandas.DataFrame:
        """The failed items in their order: columns `index`, `where`, `item`, `error_type`, `message`, `traceback`."""
        return self._opened.failures()

    def to_pandas(self) -> pandas.DataFrame:
        """All results: columns `index`, those that were kept, and `result` or the fields of dicts (`read_results`).

        Raises MixedTypes, a TypeError, where results in memory have no type in common.
        """
        with self._table() as table:
            return table.to_pandas()

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table. Integers beyond 64 bits, Decimals and UUIDs are text, as in the files."""
        with self._table() as table:
            return table.to_arrow()

    def to_polars(self) -> polars.DataFrame:
        """The same as a polars DataFrame. Raises ImportError where polars is not installed."""
        with self._table() as table:
            return table.to_polars()

    @contextmanager
    def _table(self) -> Iterator[Table]:
        from fanout_pipeline.results.table import Table

        with self._opened.snapshot() as snapshot:
            yield Table.of(snapshot)

    def __len__(self) -> int:
        return self._opened.rows

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._opened.blocks(0))

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> list[Any]: ...
    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            rows = range(len(self))[position]
            if rows.step == 1:
                found = chain.from_iterable(self._opened.blocks(rows.start))
                return list(islice(found, len(rows)))
            return [self[row] for row in rows]
        try:
            row = range(len(self))[position]
        except IndexError:
            raise IndexError(f"There is no result {position}: there are {len(self):,}.") from None
        first, block = self._block
        if not first <= row < first + len(block):
            self._block = first, block = self._opened.block(row)
        return block[row - first]

    def close(self) -> None:
        """Give up the results, with their folder if it is a temporary one."""
        if self._kept is not None:
            self._kept.close()
        self._kept, self._block = None, (0, ())

    @property
    def _opened(self) -> Kept:
        if self._kept is None:
            raise ValueError("These results are closed.")
        return self._kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        return Results, (self._opened, self.record)

    def __repr__(self) -> str:
        if self._kept is None:
            return "<closed Results>"
        return f"<{self._summary()}: [{', '.join(self._first())}]>"

    def _summary(self) -> str:
        run, failed = self.record, self._opened.failed
        how = "of a run that has ended early"
        if run:
            how = f"{run.strategy}, {run.wall_seconds:,.3g} s"
        elif self._opened.committed:
            how = f"in {self._opened.path}"
        return f"{len(self):,} Results{f', {failed:,} failed' if failed else ''}, {how}"

    def _first(self) -> Iterator[str]:
        yield from (printable(repr(one), _SHOWN_CHARACTERS) for one in self[:_SHOWN])
        if len(self) > _SHOWN:
            yield "…"
