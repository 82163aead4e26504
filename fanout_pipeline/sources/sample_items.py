"""The items of one chunk of a sample, which may lie in several places of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fanout_pipeline.sources.source import BadInput, BadItem, Chunk, Items, Unreadable

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow


class SampleItems(Items):
    """Items of the source as they come from it: nothing is parsed that would not be."""

    def __init__(self, chunk: Chunk, parts: Sequence[tuple[int, Items]], first_index: int):
        """`parts`: where each begins in the sample, and its items; `first_index`: that of the first in the sample."""
        super().__init__(chunk, (), first_index=first_index)
        self._parts = parts
        self._alone = parts[0][1] if len(parts) == 1 else None

    @cached_property
    def _all(self) -> list[Any]:
        return [item for _, part in self._parts for item in part]

    @property
    def values(self) -> Sequence[Any]:
        return self._all if self._alone is None else self._alone.values  # noqa: PD011

    @cached_property
    def unreadable(self) -> Mapping[int, Unreadable]:
        found, before = {}, 0
        for _, part in self._parts:
            found.update({before + position: one for position, one in part.unreadable.items()})
            before += len(part)
        return found

    def pieces(self) -> Iterator[Items]:
        index = self.first_index
        for at, part in self._parts:
            for piece in part.pieces():
                yield SampleItems(self.chunk, [(at, piece)], index)
                index += len(piece)

    def rest(self, items: int) -> Chunk:
        for at, part in self._parts:
            if items < len(part):
                return replace(self.chunk, start=at + part.rest(items).start - part.chunk.start)
            items -= len(part)
        return replace(self.chunk, start=self.chunk.stop)

    def as_batch(self) -> pandas.Series | pandas.DataFrame:
        batches: list[Any] = [part.as_batch() for part in self._holding]
        if len(batches) == 1:
            return batches[0]  # type: ignore[no-any-return]
        import pandas

        return pandas.concat(batches, ignore_index=True)  # type: ignore[no-any-return]

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        import pyarrow

        tables = [part.as_arrow(columns) for part in self._holding]
        if len(tables) == 1:
            return tables[0]
        try:
            return pyarrow.concat_tables(tables, promote_options="permissive")
        except pyarrow.ArrowException as error:
            raise BadInput(f"Not every value of a column is of its type: {error}") from None

    def keys(self, key: str | Callable[[Any], Any]) -> pyarrow.LargeStringArray:
        import pyarrow

        return pyarrow.concat_arrays(self._of_each(lambda part: part.keys(key)))

    def contents(self) -> numpy.ndarray:
        import numpy

        return numpy.concatenate(self._of_each(lambda part: part.contents()))

    def stamps(self) -> numpy.ndarray | None:
        import numpy

        stamps = self._of_each(lambda part: part.stamps())
        return None if any(one is None for one in stamps) else numpy.concatenate(stamps)

    def _of_each(self, ask: Callable[[Items], Any]) -> list[Any]:
        """The answers of the parts that have items. Raises what they do, with positions among all."""
        answers, before = [], 0
        for part in self._holding:
            try:
                answers.append(ask(part))
            except BadItem as error:
                raise error.moved_to(before + error.position) from error
            before += len(part)
        return answers

    @property
    def _holding(self) -> list[Items]:
        """The parts with items; one without, where none has any."""
        parts = [part for _, part in self._parts]
        return [part for part in parts if len(part)] or parts[:1] or [Items(self.chunk, ())]

    def __len__(self) -> int:
        return sum(len(part) for _, part in self._parts)
