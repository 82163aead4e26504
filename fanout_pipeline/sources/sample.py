"""A part of a source that stands for all of it: its first items, or runs of items spread over the whole input.

    spread:  |--####------####------####------####----|   runs of the input, laid end to end

A sample is cut and read as its source is, so that what is measured with it holds for the whole. The rest of the
input is not read, but for CSV, where one pass finds out where records begin.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from fanout_pipeline.sources.sample_items import SampleItems
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group, feed_of
from fanout_pipeline.sources.url import path_of

HOW = ("head", "spread")
_RUNS = 32
"""How many runs of items a sample consists of, where it has so many items."""


class Run(NamedTuple):
    """Items of the source that follow one another."""

    start: int
    stop: int
    """The range of the source, in its unit."""
    at: int
    """Where the run begins in the sample, in the same unit."""
    before: int
    """How many items of the sample come before it."""


@dataclass(frozen=True, slots=True)
class Sample(Source):
    """About so many items of a source, or all where it has fewer."""

    source: Source
    items: int = 10_000
    how: Literal["head", "spread"] = "head"
    """head: the first items. spread: runs of items that are evenly spread over the input, which must be one that is
    cut where it is."""
    runs: tuple[Run, ...] = field(default=(), compare=False, repr=False, kw_only=True)
    """What the sample consists of, once it was examined, and an empty run at its end."""

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            raise TypeError(f"source is what a sample is taken of, not {self.source!r}")
        if isinstance(self.items, bool) or not isinstance(self.items, int):
            raise TypeError(f"items is how many items the sample has, not {self.items!r}")
        if self.items < 1:
            raise ValueError(f"items must be at least 1, not {self.items}")
        if self.how not in HOW:
            raise ValueError(f"how is one of {' and '.join(HOW)}, not {self.how!r}")

    @property
    def sentence(self) -> str:
        """How the sample was taken, for a report."""
        if self.how == "head":
            return f"Measured on a sample: the first {self.items:,} items of {self.source}, or all if they are fewer."
        return (
            f"Measured on a sample: {self.items:,} items of {self.source}, in {min(_RUNS, self.items)} runs that "
            "are evenly spread over it, or all if they are fewer."
        )

    def __str__(self) -> str:
        if self.how == "head":
            return f"the first {self.items:,} items of {self.source}"
        return f"{self.items:,} items spread over {self.source}"

    @property
    def path(self) -> str | None:
        """That of the source; None where it has none, or is a URL."""
        return path_of(self.source)

    @property
    def types(self) -> Any:
        """The functions that the text of columns is given to, where the source has some."""
        return getattr(self.source, "types", {})

    @property
    def placeholders(self) -> frozenset[str]:
        return self.source.placeholders

    @property
    def CHUNK_SIZE(self) -> int:  # type: ignore[override]  # noqa: N802
        return self.source.CHUNK_SIZE

    @property
    def UNIT(self) -> str:  # type: ignore[override]  # noqa: N802
        return self.source.UNIT

    def version(self) -> Version:
        now = self.source.version()
        if feed_of(self.source) is not None:
            return now
        runs = self.runs or self._examined(now).runs
        return Version(now.token, runs[-1].at)

    def examine(self) -> Version:
        """Reads the items of the sample. Raises BadInput where a sample of this kind cannot be taken."""
        if feed_of(self.source) is not None:
            if self.how != "head":
                raise BadInput(
                    f"{self.source} cannot be cut before it is read, so no sample can be spread over it. "
                    'Take its first items (how="head").'
                )
            return self.source.version()
        whole = self.source.examine() if self.source.NEEDS_PASS else self.source.version()
        source = self.source.examined(whole)
        runs = tuple(_taken(source, whole.size, self.items, self.how))
        if (
            runs[-1].before < self.items
        ):  # There may be no more, and then all of them are to be had.
            all_runs = tuple(_taken(source, whole.size, self.items, "head"))
            runs = all_runs if all_runs[-1].start == whole.size else runs
        named = f"{whole.identity}\0{self.items}\0{self.how}"
        return Version(
            whole.token,
            runs[-1].at,
            hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest(),
            runs[-1].before,
            (len(runs), *(number for run in runs for number in run), whole.size, *whole.counts),
        )

    def examined(self, version: Version) -> Self:
        if not version.counts:
            return replace(self, source=self.source.examined(version))
        count, *numbers = version.counts
        each = len(Run._fields)
        runs = tuple(Run(*numbers[each * n : each * (n + 1)]) for n in range(count))
        size, *counts = numbers[each * count :]
        whole = Version(version.token, size, counts=tuple(counts))
        return replace(self, source=self.source.examined(whole), runs=runs)

    def _examined(self, now: Version) -> Sample:
        """The sample of the input as it is now, taken once for all who have the same."""
        if not _latest or _latest[0] != self or _latest[1] != now.token:
            _latest[:] = [self, now.token, self.examined(self.examine())]
        return _latest[2]  # type: ignore[no-any-return]

    def read(self, chunk: Chunk) -> Items:
        if not self.runs:
            return self._examined(self.source.version()).read(chunk)
        parts = [
            (at, self.source.read(Chunk(chunk.number, start, stop)))
            for at, start, stop in self._ranges(chunk.start, chunk.stop)
        ]
        run = self.runs[bisect_right(self.runs, chunk.start, key=lambda run: run.at) - 1]
        skipped = Chunk(chunk.number, run.start, run.start + chunk.start - run.at)
        first = run.before + (len(self.source.read(skipped)) if skipped.size else 0)
        return SampleItems(chunk, parts, first)

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """What a range of the sample is in the source: where each part begins in the sample, and its range there.

        Runs that follow one another in the source are one.
        """
        at = first = last = -1
        for run, after in zip(self.runs, self.runs[1:], strict=False):
            begin, end = max(start, run.at), min(stop, after.at)
            if begin >= end:
                continue
            begin, end = (run.start + edge - run.at for edge in (begin, end))
            if begin != last:
                if last >= 0:
                    yield at, first, last
                at, first = max(start, run.at), begin
            last = end
        if last >= 0:
            yield at, first, last

    def locate(self, index: int) -> str:
        if feed_of(self.source) is not None:
            return self.source.locate(index)
        if not self.runs:
            return self._examined(self.source.version()).locate(index)
        runs = self.runs[:-1] or self.runs
        run = runs[bisect_right(runs, index, key=lambda run: run.before) - 1]
        begin = self.source.read(Chunk(0, run.start, run.stop)).first_index
        return self.source.locate(begin + index - run.before)

    def require_columns(self, names: Sequence[str]) -> None:
        self.source.require_columns(names)

    def hashing(self, names: Sequence[str]) -> Self:
        return replace(self, source=self.source.hashing(names))

    def under(self, root: Path) -> Self:
        return replace(self, source=self.source.under(root))

    def at(self, partition: str, dimensions: Any = None) -> Self:
        return replace(self, source=self.source.at(partition, dimensions))

    def head(self, items: int, path: Path) -> Any:
        """The first items of the source, of those beyond the sample, too."""
        return self.source.head(items, path)

    def change(self, before: Version, now: Version) -> str:
        return self.source.change(before, now)

    def feed(self) -> Feed | None:
        """What is spooled where the source has to be: no more of it than is asked for is read."""
        feed = feed_of(self.source)
        return None if feed is None else _Head(feed, self.items)


_latest: list[Any] = []
"""The sample that was last taken in this process: as it was asked for, of which version, and what came of it."""


def _taken(source: Source, size: int, items: int, how: str) -> Iterator[Run]:
    """The runs of a sample, and an empty one at the end of the last. Reads no more than one step beyond each."""
    count = min(_RUNS, items)
    each, at, before, stop, step = ceil(items / count), 0, 0, 0, 0
    for number in range(count):
        start = max(stop, size * number // count) if how == "spread" else stop
        wanted = min(each, items - before)
        if start >= size or not wanted:
            break
        stop, found = _reached(source, start, size, wanted, step)
        yield Run(start, stop, at, before)
        step = ceil(1.1 * (stop - start))
        at, before = at + stop - start, before + found
    yield Run(stop, stop, at, before)


def _reached(source: Source, start: int, size: int, wanted: int, step: int) -> tuple[int, int]:
    """Where a run of so many items ends that begins at a place, and how many it has: fewer at the end of all."""
    begin, found = start, 0
    step = step or wanted
    while begin < size:
        chunk = Chunk(0, begin, min(size, begin + max(1, min(step, source.CHUNK_SIZE))))
        items = source.read(chunk)
        if found + len(items) > wanted:
            return items.rest(wanted - found).start, wanted
        begin, found = chunk.stop, found + len(items)
        if found == wanted:
            break
        left = (wanted - found) * (begin - start) / found if found else 2 * (begin - start)
        step = ceil(1.1 * left)
    return begin, found


class _Head(Feed):
    """The beginning of a feed: whole groups, until they have so many items."""

    def __init__(self, feed: Feed, items: int):
        self.unit, self.may_wait = feed.unit, feed.may_wait
        self._feed = feed
        self._items = items
        self._read = 0

    def reader(self, files: Files) -> Source:
        return self._feed.reader(files)

    def groups(self) -> Iterator[Group]:
        with closing(self._feed.groups()) as groups:  # type: ignore[type-var]  # they are generators
            for group in groups:
                left = self._items - self._read
                kept = group if group.items <= left else self._feed.beginning(group, left)
                self._read += kept.items
                yield kept
                if self._read >= self._items:
                    return

    def share(self) -> float | None:
        share = self._feed.share()
        own = self._read / self._items
        return own if share is None else max(share, own)

    def interrupt(self) -> None:
        self._feed.interrupt()
