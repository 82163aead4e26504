"""What the rest of the package knows of where results are kept.

    Store.writing() --> Generation --travels to workers--> parts, ledger --> Store.commit() --> visible

Everything else about results (names, ledger, manifest, failed items) is written in terms of these two
contracts. `folder` implements them on a local file system, with locks, links and renames; an object store
would be one more such module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from fanout_pipeline.results.store.ledger import Identity
    from fanout_pipeline.results.store.manifest import Manifest


class Generation(Protocol):
    """The files of one run's results. It can be pickled: workers write their parts into it."""

    @property
    def name(self) -> str:
        """The name that tells it from the other generations of its store."""

    @property
    def changed_at(self) -> float:
        """When a file was last added, renamed or removed, in seconds since the epoch."""

    def names(self) -> list[str]:
        """The names of all files but the store's own. Raises FileNotFoundError once it was removed."""

    def size(self, name: str) -> int:
        """The size of a file in bytes; -1 if there is none of this name."""

    def open(self, name: str) -> BinaryIO:
        """A file, to read. Raises FileNotFoundError."""

    def writing(self, name: str, *, durable: bool = False) -> AbstractContextManager[BinaryIO]:
        """A file to write, which appears whole at the block's end, in place of an earlier one.

        With `durable` it survives a power cut. Raises CannotWrite.
        """

    def append(self, name: str, line: str) -> None:
        """Append a line to a text file; lines of several processes do not mix. Raises CannotWrite."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file, replacing one of the new name."""

    def remove(self, name: str) -> None:
        """Remove a file, or anything else of this name, as far as possible; raises nothing."""


class Store(Protocol):
    """The results of one fan-out: a visible generation, and those that runs are writing."""

    def writing(
        self,
        resume: Identity | None = None,
        log: Callable[[str], object] = ...,
        *,
        shared: Generation | None = None,
        prefix: str = "",
    ) -> AbstractContextManager[Generation]:
        """A generation of this process alone, until the block ends.

        It is new, or continues that of a dead run which `resume` identifies, or is the `shared` one of
        several processes, under a new name that begins with `prefix`. Unless it was committed it is
        removed at the end, or kept if its ledger has parts that the next run can reuse. What other dead
        runs have left is removed. `log` receives what is not reused, and why.
        """

    def share(
        self,
        name: str,
        is_dead: Callable[[Generation], bool],
        resume: Identity | None = None,
        log: Callable[[str], object] = ...,
        claim: Callable[[Generation], object] = ...,
    ) -> Generation:
        """A generation of this name for several processes; the first of them creates it, as `writing` does.

        `is_dead` says whether nobody writes to another shared generation any more. `claim` is called with
        this one before any other process can ask that of it.
        """

    def beginning(self) -> AbstractContextManager[None]:
        """Held by the process that begins a shared generation, while others wait."""

    def generation(self, name: str) -> Generation:
        """The generation of this name, whether or not it exists."""

    def commit(self, generation: Generation, manifest: Manifest) -> None:
        """Make a generation the visible one, in one step, once all of its parts are written.

        After a power cut, too, the previous results are visible or these, whole.
        """

    def visible(self) -> Generation | None:
        """The generation that was committed last, if there is one."""

    def remove(self) -> None:
        """Remove all generations. Nobody may be writing to one."""


def read_file(generation: Generation, name: str) -> bytes:
    """The contents of a file. Raises FileNotFoundError."""
    with generation.open(name) as file:
        return file.read()


def write_text(generation: Generation, name: str, text: str, *, durable: bool = False) -> None:
    """Write a small text file, whole or not at all. Raises CannotWrite."""
    with generation.writing(name, durable=durable) as file:
        file.write(text.encode())


def swap_names(generation: Generation, renames: Sequence[tuple[str, str]]) -> None:
    """Rename files, old to new, where the new name of one may still be the old name of another."""
    for old, new in renames:
        generation.rename(old, f"_{new}")
    for _, new in renames:
        generation.rename(f"_{new}", new)
