"""The parts of a run with a key: what was called and what was carried over, in the order of the input.

A part that is there and has just the rows that it should have is linked. The rows of others are taken out of the files
that they are in, and written together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy
import pyarrow

from fanout_pipeline.engine.incremental.decision import Decision
from fanout_pipeline.engine.incremental.pools import Pool, outcome, row_files
from fanout_pipeline.engine.incremental.survey import Survey
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.keys import FAILED, Keys, as_array
from fanout_pipeline.results.store.ledger import ASIDE
from fanout_pipeline.results.store.manifest import PartRecord, part_name
from fanout_pipeline.results.store.stored_rows import RowFile, StoredRows
from fanout_pipeline.results.types.arrow_types import type_of
from fanout_pipeline.results.types.column import Column
from fanout_pipeline.results.types.kinds import NULL, Kind, common
from fanout_pipeline.results.types.layout import Layout, columns_of, widened
from fanout_pipeline.results.write import columns_beside, write_columns

_MOST_ROWS = 250_000
"""Of a part that is written here."""


class Merge:
    """The final parts of one run."""

    def __init__(
        self,
        generation: Generation,
        survey: Survey,
        decision: Decision,
        pools: Sequence[Pool],
        visible: Pool | None,
        layout: Layout,
        parts: Sequence[PartRecord],
    ):
        """`pools`: those of the decision, `visible` first; `parts`: what the run has written, in order."""
        self._generation = generation
        self._survey = survey
        self._layout = layout
        self._visible = visible
        self._parts = parts
        self._in_input = decision.in_input
        before = [file for pool in pools for file in pool.files]
        self._rows = StoredRows([*before, *row_files(generation, parts, layout.unpack)])
        self._names = [*(["key"] if survey.has_own_key else []), *layout.keep]
        self.keys, self._row = self._placed(decision, sum(file.rows for file in before))
        self._seconds = self._call_seconds(decision, pools)
        used = self._rows.used(self._row[self._row >= 0])
        self._kind = _common_kind(used, layout)

    def _placed(self, decision: Decision, new_from: int) -> tuple[Keys, numpy.ndarray]:
        """What became of all items in the end, and the row that each has."""
        status, has_row, row = (
            decision.keys.status.copy(),
            decision.keys.has_row.copy(),
            decision.row.copy(),
        )
        outcomes = [outcome(self._generation, part) for part in self._parts]
        if len(decision.called):
            called, had = (numpy.concatenate(one) for one in zip(*outcomes, strict=True))
            status[decision.called], has_row[decision.called] = called, had
            row[decision.called] = numpy.where(had, new_from + numpy.cumsum(had) - 1, -1)
        return decision.keys._replace(status=status, has_row=has_row), row

    def _call_seconds(self, decision: Decision, pools: Sequence[Pool]) -> numpy.ndarray:
        """How long the call of each item took, about."""
        by_row = [pool.seconds[pool.keys.has_row] for pool in pools]
        by_row += [
            numpy.full(part.rows, part.call_seconds / max(1, part.items), numpy.float32)
            for part in self._parts
        ]
        known: numpy.ndarray = numpy.concatenate([*by_row, numpy.zeros(1, numpy.float32)])
        return numpy.take(known, self._row)

    def parts(self) -> list[PartRecord]:
        """Write them. What the run has written stays, under other names, until results are visible."""
        first = number = 1 + max((part.number for part in self._parts), default=-1)
        made: list[PartRecord] = []
        for start, stop, whole in self._ranges():
            if whole is None:
                made.append(self._written(number, start, stop))
            else:
                of, part = whole
                self._generation.share(of, part_name(part.number), part_name(number))
                made.append(replace(part, number=number, failed=self._failed(start, stop)))
            number += 1
        for part in self._parts:
            name = part_name(part.number)
            self._generation.rename(name, ASIDE + name.removeprefix("part-"))
        for part in made:
            self._generation.rename(part_name(part.number), part_name(part.number - first))
        return [replace(part, number=part.number - first) for part in made]

    def _ranges(self) -> Iterator[tuple[int, int, tuple[Generation, PartRecord] | None]]:
        """All of the results in order: ranges of indexes, and for each the part that holds it if one does."""
        at = 0
        for start, stop, whole in self._whole():
            if start < at:
                continue
            yield from self._cut(at, start)
            yield start, stop, whole
            at = stop
        yield from self._cut(at, len(self._row))

    def _cut(self, start: int, stop: int) -> Iterator[tuple[int, int, None]]:
        """A range in pieces; what has no item in the input is apart."""
        while start < stop:
            limit = self._in_input if start < self._in_input else stop
            end = min(stop, start + _MOST_ROWS, limit)
            yield start, end, None
            start = end

    def _whole(self) -> Iterator[tuple[int, int, tuple[Generation, PartRecord]]]:
        """The parts that hold just what results have in their place, by the place."""
        found = []
        visible = self._visible
        if visible is not None:
            rows = visible.keys.rows()
            for part in visible.parts:
                place = slice(part.first_index, part.first_index + part.items)
                if (
                    self._is_as_wanted(part, rows[place], place)
                    and numpy.array_equal(self.keys.kept[place], visible.keys.kept[place])
                    and visible.generation.size(part_name(part.number)) == part.bytes
                ):
                    found.append((place.start, place.stop, (visible.generation, part)))
        row = self._rows.starts[len(self._rows.files) - len(self._parts)]
        for part in self._parts:
            place = slice(part.first_index, part.first_index + part.items)
            _, has_row = outcome(self._generation, part)
            rows = numpy.where(has_row, row + numpy.cumsum(has_row) - 1, -1)
            if self._is_as_wanted(part, rows, place):
                found.append((place.start, place.stop, (self._generation, part)))
            row += part.rows
        return iter(sorted(found, key=lambda one: one[:2]))

    def _is_as_wanted(self, part: PartRecord, rows: numpy.ndarray, place: slice) -> bool:
        """Whether a part with these rows could stand in a place."""
        return (
            part.items > 0
            and [*part.kept] == self._names
            and place.stop <= len(self._row)
            and numpy.array_equal(self._row[place], rows)
        )

    def _written(self, number: int, start: int, stop: int) -> PartRecord:
        place = slice(start, stop)
        indexes = start + numpy.flatnonzero(self.keys.has_row[place])
        rows = self._row[indexes]
        wanted = columns_of(self._kind, {}, self._layout.unpack)
        if start < self._in_input:
            positions = indexes - start
            kept = self._survey.kept(start, stop)
            if self._names and len(positions) < stop - start:
                kept = kept.take(as_array(positions))
            table = self._rows.take(rows, wanted)
        else:
            kinds = _common_kept(self._rows.used(rows), self._names)
            table = kept = self._rows.take(rows, {**kinds, **wanted})
        result = _result(table, self._kind, self._layout.unpack)
        beside = columns_beside(kept, self._names) if self._names else {}
        part = write_columns(
            self._generation, number, start, stop - start, indexes, result, beside, self._layout
        )
        seconds = float(self._seconds[indexes].sum())
        return replace(part, failed=self._failed(start, stop), call_seconds=seconds)

    def _failed(self, start: int, stop: int) -> int:
        return int((self.keys.status[start:stop] == FAILED).sum())


def _common_kind(files: Sequence[RowFile], layout: Layout) -> Kind:
    """The type that the results of some files have in common. Raises MixedTypes."""
    kind: Kind = NULL
    for file in files:
        kind = common(kind, file.common_kind)
    if kind == NULL and files and all(file.kind == files[0].kind for file in files):
        kind = files[0].kind
    return layout.kind if kind == NULL and layout.kind is not None else kind


def _common_kept(files: Sequence[RowFile], names: Sequence[str]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = dict.fromkeys(names, NULL)
    for file in files:
        for name in names:
            kinds[name] = widened(kinds[name], file.kept.get(name, NULL))
    return kinds


def _result(table: pyarrow.Table, kind: Kind, unpack: bool) -> Column:
    """The results of rows as one column."""
    if not unpack or not isinstance(kind, dict):
        return Column(_one(table["result"]), kind)
    stored = type_of(kind)
    if not kind:
        return Column(pyarrow.array([{}] * len(table), stored), kind)
    fields = [_one(table[name]) for name in kind]
    is_null: Any = fields[0].is_null()
    for field in fields[1:]:
        is_null = pyarrow.compute.and_(is_null, field.is_null())
    return Column(pyarrow.StructArray.from_arrays(fields, fields=list(stored), mask=is_null), kind)


def _one(column: pyarrow.ChunkedArray) -> pyarrow.Array:
    found: Any = column.combine_chunks()
    return found if isinstance(found, pyarrow.Array) else pyarrow.concat_arrays(found.chunks)
