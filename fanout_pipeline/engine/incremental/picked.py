"""Some items of an input, copied to where they can be cut and read like an input of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy

from fanout_pipeline.engine.incremental.survey import Survey
from fanout_pipeline.results.files.atomic import replacing
from fanout_pipeline.results.store.keys import as_array
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.packed import packed, unpacked
from fanout_pipeline.sources.spool.reading import Reading, Spooled
from fanout_pipeline.sources.table_rows import SpooledRows
from fanout_pipeline.sources.tables import streamed

_GROUP_ROWS = 2**16
_GROUP_BYTES = 2**20
POSITIONS = "positions.npy"
"""The name of a file with the index of each in the input."""


@dataclass(frozen=True, slots=True)
class Picked(Spooled):
    """What has arrived of the items that are picked. A unit is one item."""

    files: Files = field(repr=False)
    source: Source
    """Where they come from."""
    columns: tuple[str, ...] | None
    """Of rows, the one whose values are items; None for dicts."""
    are_rows: bool
    """Whether they are rows of Arrow tables."""

    UNIT: ClassVar[str] = "items"

    def read(self, chunk: Chunk) -> Items:
        if self.are_rows:
            return SpooledRows(self.files, str(self.source), self.columns).read(chunk)
        values: list[Any] = []
        with Reading(self.files) as reading:
            for group, start, stop in reading.groups(chunk.start, chunk.stop):
                values += unpacked(memoryview(group), start, stop)
        return Items(chunk, values)

    def locate(self, index: int) -> str:
        return self.source.locate(self.index_of(index))

    def index_of(self, index: int) -> int:
        return int(_positions(self.files.data.with_name(POSITIONS))[index])

    def __str__(self) -> str:
        return str(self.source)


@lru_cache(maxsize=2)
def _positions(path: Path) -> numpy.ndarray:
    found: numpy.ndarray = numpy.load(path)
    return found


class PickedFeed(Feed):
    """Feeds the items at some positions of an input."""

    def __init__(self, survey: Survey, called: numpy.ndarray, folder: Path):
        """`called`: their positions, ascending. The spool is to be in `folder`."""
        self._survey = survey
        self._called = called
        self._given = 0
        with replacing(folder / POSITIONS, durable=False) as file:
            numpy.save(file, self._called)
        first, _ = next(survey.picked(self._called))
        rows = first.as_rows()
        self._are_rows = rows is not None
        self._columns = tuple(rows[0].column_names) if rows is not None and rows[1] else None

    def reader(self, files: Files) -> Source:
        return Picked(files, self._survey.source, self._columns, self._are_rows)

    def groups(self) -> Iterator[Group]:
        for group in self._rows() if self._are_rows else packed(self._values(), self._unpicklable):
            self._given += group.items
            yield group

    def _rows(self) -> Iterator[Group]:
        for items, positions in self._survey.picked(self._called):
            table, _ = items.as_rows()  # type: ignore[misc]  # of one source, all or none have them
            table = table.take(as_array(positions))
            rows = max(1, min(_GROUP_ROWS, _GROUP_BYTES * len(table) // max(1, table.nbytes)))
            for start in range(0, len(table), rows):
                some = table.slice(start, rows)
                yield Group(streamed(some), len(some), len(some))

    def _values(self) -> Iterator[object]:
        for items, positions in self._survey.picked(self._called):
            for position in positions:
                yield items[int(position)]

    def _unpicklable(self, index: int, item: object, error: Exception) -> BadInput:
        where = self._survey.source.locate(int(self._called[index]))
        return BadInput(
            f"{where}, a {type(item).__qualname__}, cannot be pickled, so it cannot be sent to where it is called: "
            f"{error}. Give what it is made from, such as a path or a key."
        )

    def share(self) -> float | None:
        return self._given / len(self._called)
