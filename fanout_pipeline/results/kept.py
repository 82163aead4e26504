"""Where the results of one call are kept: in a folder, or in memory."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanout_pipeline.results.store.manifest import Unfinished

if TYPE_CHECKING:
    import pandas

    from fanout_pipeline.results.memory import MemoryPart
    from fanout_pipeline.results.read import Snapshot

_BLOCK_ROWS = 1024
"""So many results of a folder are made Python values at a time."""


class Kept(ABC):
    """Results in order, as they are read."""

    path: Path | None
    """The folder, if they are in one."""
    rows: int
    """How many there are."""
    failed: int
    """How many items have failed."""
    committed = False
    """Whether they are those of a whole run, in a folder."""

    @abstractmethod
    def block(self, row: int) -> tuple[int, Sequence[Any]]:
        """The results around one of them, and the row of the first."""

    @abstractmethod
    def blocks(self, row: int) -> Iterator[Sequence[Any]]:
        """The results from one on."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """For the block, as files."""

    @abstractmethod
    def failures(self) -> pandas.DataFrame:
        """The failed items: see `read_failures`."""

    def close(self) -> None:
        """Remove what goes with them, if anything does."""
        return


class KeptInFolder(Kept):
    """Results of a run that has written files."""

    def __init__(self, snapshot: Snapshot, temporary: Path | None, path: Path | None):
        """`temporary`: the folder that goes with them, at the latest when Python ends."""
        self._files = snapshot
        self._temporary = temporary
        self.path = path
        self.rows, self.failed = snapshot.manifest.rows, snapshot.manifest.failed
        self.committed = not isinstance(snapshot.manifest, Unfinished)
        self._remove = weakref.finalize(self, _remove, temporary, os.getpid())

    def block(self, row: int) -> tuple[int, Sequence[Any]]:
        first = row - row % _BLOCK_ROWS
        found: list[Any] = []
        for some in self.blocks(first):  # They are cut where a part ends.
            found += some
            if first + len(found) > row:
                break
        return first, found

    def blocks(self, row: int) -> Iterator[Sequence[Any]]:
        from fanout_pipeline.results.store.part_file import result_of
        from fanout_pipeline.results.types.arrow_types import to_python

        manifest = self._files.manifest
        for batch in self._files.batches(_BLOCK_ROWS, row):
            yield to_python(result_of(batch, manifest), manifest.kind)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        return nullcontext(self._files)

    def failures(self) -> pandas.DataFrame:
        from fanout_pipeline.results.failures import read_failures

        return read_failures(self._files)

    def close(self) -> None:
        self._remove()

    def __reduce__(self) -> Any:
        if self._temporary is None:
            return KeptInFolder, (self._files, None, self.path)
        # They may be read when this process is over, and their folder with it.
        from fanout_pipeline.results.store.generation import read_file

        generation = self._files.generation
        files = Files({name: read_file(generation, name) for name in generation.names()})
        return KeptInFolder, (replace(self._files, generation=files), None, None)  # type: ignore[arg-type]


class Files(dict[str, bytes]):
    """What of a generation is needed to read it, in memory."""

    def open(self, name: str) -> BytesIO:
        return BytesIO(self[name])


class KeptInMemory(Kept):
    """Results of a run that has kept them as the function has returned them."""

    path = None

    def __init__(self, parts: Sequence[MemoryPart]):
        self._parts = parts
        self.rows = sum(part.rows for part in parts)
        self.failed = sum(len(part.failed) for part in parts)

    def block(self, row: int) -> tuple[int, Sequence[Any]]:
        first = 0
        for part in self._parts:
            if row < first + part.rows:
                return first, part.values()
            first += part.rows
        raise IndexError(row)

    def blocks(self, row: int) -> Iterator[Sequence[Any]]:
        for part in self._parts:
            if row < part.rows:
                values = part.values()
                yield values[row:] if row else values
            row = max(0, row - part.rows)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        import tempfile

        from fanout_pipeline.results.read import Snapshot
        from fanout_pipeline.results.store.local_generation import LocalGeneration
        from fanout_pipeline.results.store.manifest import Unfinished
        from fanout_pipeline.results.write import write_part

        with tempfile.TemporaryDirectory(prefix="fanout-") as folder:
            files = LocalGeneration(Path(folder))
            parts = [
                write_part(files, number, part.first_index, part.values(), _omitted(part))
                for number, part in enumerate(self._parts)
            ]
            yield Snapshot(files.path, files, Unfinished("", tuple(parts)))

    def failures(self) -> pandas.DataFrame:
        import pyarrow

        from fanout_pipeline.results.store.failed_items import FAILURES_SCHEMA

        failed = [dict(one) for part in self._parts for one in part.failed]
        frame: pandas.DataFrame = pyarrow.Table.from_pylist(failed, FAILURES_SCHEMA).to_pandas()
        return frame

    def __reduce__(self) -> Any:
        from fanout_pipeline.results.memory import MemoryPart

        parts = [
            MemoryPart(part.first_index, part.items, part.values(), part.failed, part.omits)
            for part in self._parts
        ]
        return KeptInMemory, (parts,)


def _omitted(part: MemoryPart) -> list[int]:
    """The positions of items that have no result."""
    return [one["index"] - part.first_index for one in part.failed] if part.omits else []


def _remove(folder: Path | None, owner: int) -> None:
    if folder is not None and os.getpid() == owner:  # not a fork of it
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
