"""A `Store` on a local file system: a result folder whose contents change in one step.

    squares/serial -> _runs/serial/4be1…      what is visible, a symbolic link
    squares/_runs/serial/4be1…/               a generation: part-00000.parquet …, _manifest.json
    squares/_runs/serial/90ac…/               another run's, which is working or dead

A run writes its parts and its manifest into a generation of its own and then moves the link, which is
atomic: readers see the previous results or the new ones, whole. A run that dies leaves a generation
that nothing points to. The next run recognizes it by its free lock, and resumes or removes it.

The visible link is the only one of ours: nothing is written or removed through any other (see
`no_links`). What is visible of earlier versions' layout is read; a run that follows replaces it (see `old_layout`).
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import (
    CannotWrite,
    make_folder,
    remove_folder,
    sync,
    sync_all,
)
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.store.compact import settled
from fanout_pipeline.results.store.contract import Store
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import ASIDE, Identity, Ledger, is_of_the_run, to_resume
from fanout_pipeline.results.store.local_generation import LOCK, SHARED, LocalGeneration
from fanout_pipeline.results.store.manifest import (
    Manifest,
    NoResults,
    UnknownFormat,
    part_name,
)
from fanout_pipeline.results.store.old_layout import remove_old_layout
from fanout_pipeline.results.store.turn import turn

RUNS = "_runs"
TURN = "_turn"


@dataclass(frozen=True, slots=True)
class ResultFolder(Store):
    """The results of one fan-out, visible at `path`."""

    path: Path
    """Where readers find the results. No folder on the way may be a link."""

    @contextmanager
    def writing(
        self,
        resume: Identity | None = None,
        log: Callable[[str], object] = lambda line: None,
        *,
        shared: Generation | None = None,
        prefix: str = "",
    ) -> Iterator[LocalGeneration]:
        generation = self.generation(prefix + uuid.uuid4().hex[:12])
        with ExitStack() as owned:
            with self.changing():
                if shared is None:
                    self._create(generation, self._abandoned(), resume, log)
                else:
                    no_links.rename(self._runs / shared.name, generation.path)
                owned.enter_context(locked(generation.path / LOCK))
                no_links.unlink(generation.path / SHARED)
            try:
                yield generation
            finally:
                if self.visible() == generation:
                    with suppress(OSError):
                        no_links.unlink(generation.path / LOCK)
                elif (ledger := Ledger.read(generation)) is None or not ledger.is_of_use:
                    remove_folder(generation.path)

    def turn(
        self, seconds: float, log: Callable[[str], object] = lambda line: None, who: str = ""
    ) -> AbstractContextManager[bool]:
        """For the block, no other run writes here: see `turn`."""
        make_folder(self._runs)
        return turn(self._runs / TURN, self.path, seconds, log, who)

    def open_shared(
        self,
        name: str,
        is_dead: Callable[[Generation], bool],
        resume: Identity | None = None,
        log: Callable[[str], object] = lambda line: None,
        mark_owner: Callable[[Generation], object] = lambda generation: None,
    ) -> LocalGeneration:
        generation = self.generation(name)
        with self.changing():
            if not generation.path.is_dir():
                self._create(generation, self._abandoned(is_dead), resume, log)
            no_links.touch(generation.path / SHARED)
            mark_owner(generation)
        return generation

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for temporary files; if this process is killed, the next run removes it."""
        with self.writing() as generation:
            if not self.path.is_symlink():  # Visible results may be in it.
                with self.changing():
                    remove_old_layout(self.path)
            yield generation.path

    def generation(self, name: str) -> LocalGeneration:
        return LocalGeneration(self._runs / name)

    def commit(
        self, generation: Generation, manifest: Manifest, *, failures_listed: bool = False
    ) -> Manifest:
        path = self._runs / generation.name
        if manifest.failed and not failures_listed:
            from fanout_pipeline.results.store.failed_items import gather_failures  # imports Arrow

            gather_failures(generation, manifest.parts)
        named = {part_name(part.number) for part in manifest.parts}
        for stray in {name for name in generation.names() if "part-" in name} - named:
            if not stray.startswith(ASIDE):
                generation.remove(stray)
        manifest = settled(generation, manifest)
        sync_all([path / part_name(part.number) for part in manifest.parts])
        manifest.save(generation)
        sync(path)
        self._make_visible(path)
        # Only now: until the link was moved, the run could have been resumed.
        with suppress(FileNotFoundError):  # Another run has already replaced and removed this one.
            for name in generation.names():
                if is_of_the_run(name):
                    generation.remove(name)
        return manifest

    def _make_visible(self, path: Path) -> None:
        if self.path.exists() and not self.path.is_symlink():
            raise NoResults(
                f"{self.path} is not a result folder of fanout_pipeline (it is not a symbolic link): "
                "move it away, then materialize the asset again."
            )
        link = path.with_name(f"{path.name}.link")
        with self.changing():
            previous = self.visible()
            no_links.unlink(link)
            no_links.make_link(link, os.path.relpath(path, self.path.parent))
            # Entries reach the disk in this order: the generation's name, the link to it, and only
            # then the removal of the previous generation.
            sync(self._runs)
            if previous is None:
                sync(self._runs.parent)  # which may be new
            no_links.rename(link, self.path)
            sync(self.path.parent)
            if previous is not None:
                remove_folder(previous.path)
            remove_old_layout(self.path)

    def visible(self) -> LocalGeneration | None:
        if not self.path.is_symlink():
            return None
        target = Path(os.readlink(self.path))
        is_ours = target.parent == Path(RUNS, self.path.name) and target.name[0] not in "._"
        return self.generation(target.name) if is_ours else None

    def manifest(self) -> Manifest:
        """What is visible. Raises NoResults if nothing was committed."""
        return Manifest.load(LocalGeneration(self.path))

    def remove(self) -> None:
        for path in (self.path, self._runs):
            no_links.remove(path)

    def beginning(self) -> AbstractContextManager[object]:
        make_folder(self._runs)
        return locked(self._runs / "_beginning", math.inf)

    def changing(self) -> AbstractContextManager[object]:
        """Held for moments: nobody else creates, commits or removes a generation meanwhile."""
        make_folder(self._runs)
        return locked(self._runs / LOCK, 60)

    def _create(
        self,
        generation: LocalGeneration,
        dead: list[LocalGeneration],
        resume: Identity | None,
        log: Callable[[str], object],
    ) -> None:
        """Create a generation, out of what dead runs have left as far as that can be reused."""
        self._require_known_format()
        chosen = to_resume({one: Ledger.read(one) for one in dead}, resume, log)
        if chosen is not None:
            # Under another name: a worker that outlives its run for a moment writes nowhere.
            no_links.rename(chosen.path, generation.path)
        for one in dead:
            remove_folder(one.path)
        make_folder(generation.path)

    def _require_known_format(self) -> None:
        """Refuse to replace what a later version has written."""
        try:
            if self.path.exists():  # wherever the link leads: a commit replaces it
                Manifest.load(LocalGeneration(self.path))
        except UnknownFormat:
            raise
        except NoResults:
            pass  # They are damaged: these results will be better.

    def _abandoned(
        self, is_dead: Callable[[Generation], bool] = lambda generation: False
    ) -> list[LocalGeneration]:
        """Generations other than the visible one whose writers are dead.

        Links among them are removed: a dead run's to its own, or one that was put in place of a folder.
        """
        found = []
        for path in self._runs.iterdir():
            if path.is_symlink():
                no_links.unlink(path)
            elif path.is_dir() and (one := LocalGeneration(path)) != self.visible():
                is_shared = (path / SHARED).exists()
                found += [one] * (is_dead(one) if is_shared else is_free(path / LOCK))
        return found

    @property
    def _runs(self) -> Path:
        return self.path.with_name(RUNS) / self.path.name


def is_free(lock: Path) -> bool:
    """Whether no process holds a generation's lock."""
    try:
        with locked(lock):
            return True
    except TimeoutError:
        return False
    except CannotWrite:
        if lock.parent.is_dir() and not lock.parent.is_symlink():
            raise
        return False  # Its run has just ended, and removed it.
