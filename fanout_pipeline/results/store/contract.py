"""What the rest of the package knows of where results are kept.

    Store.writing() --> Generation --travels to workers--> parts, ledger --> Store.commit() --> visible

`folder` and `local_generation` implement these on a local file system, with locks, links and renames. An
object store would be another two such modules.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Identity
from fanout_pipeline.results.store.manifest import Manifest


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

    def open_shared(
        self,
        name: str,
        is_dead: Callable[[Generation], bool],
        resume: Identity | None = None,
        log: Callable[[str], object] = ...,
        mark_owner: Callable[[Generation], object] = ...,
    ) -> Generation:
        """A generation of this name for several processes; the first of them creates it, as `writing` does.

        `is_dead` says whether nobody writes to another shared generation any more. `mark_owner` is
        called with this one before any other process can ask that of it.
        """

    def beginning(self) -> AbstractContextManager[object]:
        """Held by the process that begins a shared generation, while others wait."""

    def generation(self, name: str) -> Generation:
        """The generation of this name, whether or not it exists."""

    def commit(
        self, generation: Generation, manifest: Manifest, *, failures_listed: bool = False
    ) -> Manifest:
        """Make a generation the visible one, in one step, once all of its parts are written.

        `failures_listed`: the file of failed items is there already. Returns what is visible: the same results, in fewer parts where there were many small ones.
        After a power cut, too, the previous results are visible or these, whole.
        """

    def visible(self) -> Generation | None:
        """The generation that was committed last, if there is one."""

    def remove(self) -> None:
        """Remove all generations. Nobody may be writing to one."""
