"""The rows of a query, through SQLAlchemy: any database that it has a driver for.

The query is asked once, in one transaction, and its rows are fetched as fast as the database gives them; they
are spooled, so that the transaction does not last as long as the calls do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from fanout_pipeline.sources.columns import names_given, nearest
from fanout_pipeline.sources.connection import connected, scrubbed, shown
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Version
from fanout_pipeline.sources.spool.feed import Feed, Files, Group
from fanout_pipeline.sources.spool.packed import FLUSH, Packed, packed

_FETCH_SECONDS = 0.1
"""About as many rows are fetched at a time as come in this time: calls may be waiting for them."""
_FETCH_BYTES = 4 * 2**20
"""Nor more than take so many bytes when they are pickled."""
_FETCH_ROWS = 2000
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, repr=False)
class Sql(Source):
    """The source of a query's rows, as dicts, in the order in which the database gives them: see ORDER BY.

    A value is what the driver makes of it. Raises TypeError for columns that are no tuple of names.
    """

    query: str
    """One statement that gives rows, in the database's own SQL."""
    connection: str | Callable[[], Any]
    """A URL as SQLAlchemy takes it; `env:NAME` for one in an environment variable; or a function that returns an
    Engine. A password in it is never shown nor written down."""
    columns: Sequence[str] | None = None
    """The columns that items have. Of exactly one, items are its values. None stands for all."""

    UNIT: ClassVar[str] = "rows"

    def __post_init__(self) -> None:
        if not isinstance(self.query, str) or not self.query.strip():
            raise TypeError(f"query is one statement in SQL, as text, not {self.query!r}")
        if not callable(self.connection) and not isinstance(self.connection, str):
            # Not what it is: an object's text may hold a password.
            raise TypeError(
                "connection is a URL of SQLAlchemy's, env:NAME for one in an environment variable, or a "
                f"function that returns an Engine, not of type {type(self.connection).__name__}"
            )
        if self.columns is not None:
            object.__setattr__(self, "columns", names_given("columns", self.columns))

    def __repr__(self) -> str:
        columns = "" if self.columns is None else f", columns={self.columns!r}"
        return f"Sql({self.query!r}, connection={shown(self.connection)!r}{columns})"

    def __str__(self) -> str:
        query = " ".join(self.query.split())
        if len(query) > _SHOWN_CHARACTERS:
            query = query[: _SHOWN_CHARACTERS - 1] + "…"
        return f"the query {query}"

    def version(self) -> Version:
        return Version(hashlib.sha256(repr(self).encode()).hexdigest(), 0)

    def read(self, chunk: Chunk) -> Items:
        raise BadInput(f"{self} is read once, through a spool, and not in chunks.")

    def require_columns(self, names: Sequence[str]) -> None:
        """What a query gives is known when it was asked: nothing is required here."""

    def feed(self) -> Feed:
        return _Rows(self)

    def locate(self, index: int) -> str:
        return f"row {index + 1} of {self}"


class _Rows(Feed):
    """Feeds rows as pickled dicts."""

    unit = "row"
    may_wait = False

    def __init__(self, source: Sql):
        self._source = source
        self._read = 0
        self._row_bytes = 1.0
        self._stop: Callable[[], object] = lambda: None

    def reader(self, files: Files) -> Source:
        return Packed(files, str(self._source), self.unit, self._source.columns)

    def groups(self) -> Iterator[Group]:
        for group in packed(self._rows(), self._unpicklable):
            self._row_bytes = len(group.data) / group.items
            yield group

    def interrupt(self) -> None:
        with suppress(Exception):
            self._stop()

    def _rows(self) -> Iterator[Any]:
        with ExitStack() as opened:
            try:
                connection = opened.enter_context(connected(self._source.connection))
                driver = connection.connection.driver_connection
                cancel = getattr(driver, "cancel", None) or getattr(driver, "interrupt", None)
                self._stop = cancel or self._stop
                result = connection.execution_options(
                    stream_results=True, no_parameters=True
                ).exec_driver_sql(self._source.query)
                opened.callback(result.close)
                yield from self._fetched(result)
            except BadInput:
                raise
            except Exception as error:
                raise self._failed(error) from None  # Its text may hold the password.

    def _fetched(self, result: Any) -> Iterator[Any]:
        if not result.returns_rows:
            raise BadInput(f"{self._source} gives no rows. Sql takes a query, such as a SELECT.")
        names = self._names(list(result.keys()))
        size = 1
        while True:
            began = time.monotonic()
            rows = result.yield_per(size).fetchmany(size)
            seconds = time.monotonic() - began
            if not rows:
                return
            for row in rows:
                yield dict(zip(names, map(_plain, row), strict=True))
                self._read += 1
            yield FLUSH  # The next rows may take long.
            size = 2 * size if seconds < _FETCH_SECONDS / 2 else size
            if seconds > 2 * _FETCH_SECONDS:
                size = int(size * _FETCH_SECONDS / seconds)
            size = max(1, min(size, _FETCH_ROWS, int(_FETCH_BYTES / self._row_bytes)))

    def _names(self, names: list[str]) -> list[str]:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise BadInput(
                f"{self._source} gives two columns that are called {twice[0]!r}. Rename one with AS."
            )
        for name in self._source.columns or ():
            if name not in names:
                raise BadInput(f"{self._source} gives no column {name!r}. {nearest(name, names)}")
        return names

    def _failed(self, error: Exception) -> BadInput:
        told = scrubbed(str(getattr(error, "orig", None) or error), self._source.connection)
        told = " ".join(told.split())
        after = f" after {self._read:,} rows" if self._read else ""
        return BadInput(
            f"{self._source} failed{after} at {shown(self._source.connection)}: "
            f"{type(error).__name__}: {told}. Mend the query or the database, and run again: what was done "
            "of rows that come again as they were is kept."
        )

    def _unpicklable(self, index: int, row: Any, error: Exception) -> BadInput:
        import pickle

        for name, value in row.items():
            try:
                pickle.dumps(value)
            except Exception:
                kind = type(value).__qualname__
                return BadInput(
                    f"row {index + 1} of {self._source}, column {name}: a {kind} cannot be sent to where it "
                    f"is called ({error}). Cast it in the query, to text for instance."
                )
        return BadInput(f"row {index + 1} of {self._source} cannot be pickled: {error}")


def _plain(value: Any) -> Any:
    """Some drivers give views of bytes, which live no longer than their cursor."""
    return bytes(value) if isinstance(value, memoryview) else value
