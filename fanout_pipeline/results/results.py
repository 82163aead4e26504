"""The results of one call of `fan_out`: a sequence, wherever they are kept."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from fanout_pipeline.results.files.printable import printable

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from fanout_pipeline.results.read import Snapshot

_BLOCK_ROWS = 1024
"""So many results are made Python values at a time, and kept where one is asked for by its position."""
_SHOWN = 5
_SHOWN_CHARACTERS = 200


class Results(Sequence[Any]):
    """The results of one call, in the order of the items.

    To iterate takes flat memory, and one result is read without the others. A folder that nobody has named goes
    with this object, at the latest when Python ends; `close()` and the end of a `with` block remove it, too.
    """

    def __init__(self, kept: Snapshot, record: Any = None, temporary: Path | None = None):
        """`temporary`: the folder that goes with the results, if they are in one."""
        self.record = record
        """How the run went: strategy and why, seconds by phase, workers, what was reused. A `RunRecord`; None of a run
        that has ended early."""
        self._kept = kept
        self._temporary = temporary
        self._block: tuple[int, list[Any]] = (0, [])
        self._remove = weakref.finalize(self, _remove, temporary, os.getpid())

    @property
    def path(self) -> Path:
        """The folder with the files of the results."""
        return self._kept.folder

    @property
    def failures(self) -> pandas.DataFrame:
        """The failed items in their order: columns `index`, `where`, `item`, `error_type`, `message`, `traceback`."""
        from fanout_pipeline.results.failures import read_failures

        return read_failures(self._opened())

    def to_pandas(self) -> pandas.DataFrame:
        """All results: columns `index`, those that were kept, and `result` or the fields of dicts (`read_results`)."""
        from fanout_pipeline.results.read import read_results

        return read_results(self._opened())

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table. Integers beyond 64 bits, Decimals and UUIDs are text, as in the files."""
        import pyarrow

        from fanout_pipeline.results.store.part_file import schema_of

        snapshot = self._opened()
        schema = schema_of(snapshot.manifest.columns)
        batches = (batch.cast(schema) for batch in snapshot.batches())
        return pyarrow.Table.from_batches(batches, schema)

    def to_polars(self) -> polars.DataFrame:
        """The same as a polars DataFrame. Raises ImportError where polars is not installed."""
        try:
            import polars
        except ImportError:
            raise ImportError("to_polars() needs polars: pip install polars") from None
        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __len__(self) -> int:
        return self._kept.manifest.rows

    def __iter__(self) -> Iterator[Any]:
        return self._from(0)

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> list[Any]: ...
    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            rows = range(len(self))[position]
            if rows.step == 1:
                return list(islice(self._from(rows.start), len(rows))) if rows else []
            return [self[row] for row in rows]
        row = range(len(self))[position]
        start, block = self._block
        if not start <= row < start + len(block):
            start = row - row % _BLOCK_ROWS
            block = list(islice(self._from(start), _BLOCK_ROWS))
            self._block = start, block
        return block[row - start]

    def _from(self, row: int) -> Iterator[Any]:
        """The results from this one on."""
        from fanout_pipeline.results.store.part_file import result_of
        from fanout_pipeline.results.types.arrow_types import to_python

        snapshot = self._opened()
        for batch in snapshot.batches(_BLOCK_ROWS, row):
            yield from to_python(result_of(batch, snapshot.manifest), snapshot.manifest.kind)

    def _opened(self) -> Snapshot:
        if self._temporary is not None and not self._remove.alive:
            raise ValueError("These results are closed: their temporary folder is gone.")
        return self._kept

    def close(self) -> None:
        """Remove the folder, if it is a temporary one. There are no results to read then."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        if self._temporary is None:
            return Results, (self._kept, self.record)
        # They may be read when this process is over, and their folder with it.
        return _restored, (_files(self._opened()), self._kept.manifest, self.record)

    def __repr__(self) -> str:
        return f"<{self._summary()}: [{', '.join(self._first())}]>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self._summary())}</p><pre>{escape(chr(10).join(self._first()))}</pre>"

    def _summary(self) -> str:
        manifest, run = self._kept.manifest, self.record
        failed = f", {manifest.failed:,} failed" if manifest.failed else ""
        how = (
            f", {run.strategy}, {run.wall_seconds:,.3g} s" if run else " of a run that ended early"
        )
        return f"{len(self):,} Results{failed}{how}"

    def _first(self) -> Iterator[str]:
        yield from (printable(repr(one), _SHOWN_CHARACTERS) for one in self[:_SHOWN])
        if len(self) > _SHOWN:
            yield "…"


def _remove(folder: Path | None, owner: int) -> None:
    if folder is not None and os.getpid() == owner:  # not a fork of it
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _files(snapshot: Snapshot) -> dict[str, bytes]:
    from fanout_pipeline.results.store.generation import read_file

    return {name: read_file(snapshot.generation, name) for name in snapshot.generation.names()}


def _restored(files: dict[str, bytes], manifest: Any, record: Any) -> Results:
    """Results that were pickled, in a temporary folder of this process."""
    import tempfile

    from fanout_pipeline.results.read import Snapshot
    from fanout_pipeline.results.store.local_generation import LocalGeneration

    folder = Path(tempfile.mkdtemp(prefix="fanout-"))
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Results(Snapshot(folder, LocalGeneration(folder), manifest), record, folder)
