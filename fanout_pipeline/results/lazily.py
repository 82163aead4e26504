"""Results for a query, which reads what it needs when it is run.

The files are held open: a commit, which removes them, takes nothing from a query that was made before.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.manifest import FORMAT, part_name
from fanout_pipeline.results.store.part_file import INDEX
from fanout_pipeline.results.table import PARTITION, Table

if TYPE_CHECKING:
    import polars
    import pyarrow.dataset

MOST_OPEN = 256
"""So many files are held open at most; more are opened when they are read. A process may open 1,024."""


def to_lazy(table: Table) -> polars.LazyFrame:
    """The table as a polars LazyFrame."""
    import polars
    import pyarrow

    schema = polars.DataFrame(table.schema.empty_table()).schema
    frames = []
    for partition, snapshot in table.snapshots.items():
        frame = None
        if _is_as_stored(snapshot, table):
            with ExitStack() as handles:  # polars makes its own of them
                files = _files(snapshot, table, lambda path: handles.enter_context(path.open("rb")))
                frame = polars.scan_parquet(files).select([*table.stored] or [*INDEX])
                if table.adds_partition:
                    frame = frame.with_columns(polars.lit(partition).alias(PARTITION))
                frame = frame.select([*table.columns])
                found = frame.collect_schema()
        if frame is None or found != schema:
            read = pyarrow.Table.from_batches(table.batches_of(partition), table.schema)
            frame = polars.DataFrame(read).lazy()
        frames.append(frame)
    return polars.concat(frames)


def to_dataset(table: Table) -> pyarrow.dataset.Dataset:
    """The table as a pyarrow Dataset, which DuckDB can query, too."""
    import pyarrow
    from pyarrow import dataset, fs

    if not all(_is_as_stored(snapshot, table) for snapshot in table.snapshots.values()):
        return dataset.dataset(table.to_arrow())
    parquet = dataset.ParquetFileFormat()
    local = fs.LocalFileSystem()
    fragments = []
    for partition, snapshot in table.snapshots.items():
        rows = dataset.field(PARTITION) == partition if table.adds_partition else None
        for file in _files(snapshot, table, lambda path: pyarrow.OSFile(str(path))):
            where = local if isinstance(file, str) else None
            fragments.append(parquet.make_fragment(file, where, rows))
    return dataset.FileSystemDataset(fragments, table.schema, parquet)


def _is_as_stored(snapshot: Snapshot, table: Table) -> bool:
    """Whether the files have the columns of the table as the table has them."""
    manifest = snapshot.manifest
    return (
        manifest.format == FORMAT
        and bool(manifest.parts)
        and all(
            {**INDEX, **part.columns(manifest.unpack)}.get(name) == kind
            for part in manifest.parts
            for name, kind in table.stored.items()
        )
    )


def _files(snapshot: Snapshot, table: Table, opened: Callable[[Path], Any]) -> list[Any]:
    """The files of one partition, opened, or their paths where the table has too many. Raises NoResults."""
    names = [part_name(part.number) for part in snapshot.manifest.parts]
    paths = [snapshot.generation.local / name for name in names]
    if sum(len(one.manifest.parts) for one in table.snapshots.values()) > MOST_OPEN:
        return [*map(str, paths)]
    files = []
    for name, path in zip(names, paths, strict=True):
        try:
            files.append(opened(path))
        except FileNotFoundError:
            raise snapshot.missing(name, "lists it") from None
    return files
