"""A result folder whose contents change in one step.

`<name>/<strategy>` is a symbolic link to one *generation*, a folder under `<name>/.<strategy>/`.
A run writes its parts and its manifest into a generation of its own and then moves the link, which
is atomic, so that readers see the previous results or the new ones, whole. A run that dies leaves
a generation that nothing points to; the next run goes on with it (see `ledger`) or removes it,
knowing it by its lock being free.

No other link is ours: nothing is written or removed through one (see `no_links`).
"""

from __future__ import annotations

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
from fanout_pipeline.results.files.lock import Held, locked
from fanout_pipeline.results.store.ledger import LEDGER, LOCK, Identity, Ledger
from fanout_pipeline.results.store.leftovers import is_of_use, to_resume
from fanout_pipeline.results.store.manifest import Manifest, NoResults, part_name


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """The results of one strategy, at `path`."""

    path: Path
    """A real one, but for the link that it is itself."""

    @contextmanager
    def writing(
        self,
        resume: Identity | None = None,
        log: Callable[[str], object] = lambda line: None,
        *,
        shared: Path | None = None,
        prefix: str = "",
    ) -> Iterator[Path]:
        """A generation to write parts into: a new one, or that of a dead run that `resume` identifies.

        Or the one that was `shared` with other processes, in place of either. If it is not committed
        it is removed at the end, unless its ledger tells of parts that the next run can reuse. What
        other dead runs have left is removed. `log` is told what is reused, and why not. Its name
        begins with `prefix`, and is new.
        """
        generation = self.generation(prefix + uuid.uuid4().hex[:12])
        with ExitStack() as owning:
            with self._changing():
                if shared is None:
                    self._succeed(generation, self._abandoned(), resume, log)
                else:
                    no_links.rename(shared, generation)
                owning.enter_context(locked(generation / LOCK))
            try:
                yield generation
            finally:
                if self._current() == generation:
                    with suppress(OSError):
                        no_links.unlink(generation / LOCK)
                elif not is_of_use(Ledger.read(generation)):
                    _remove(generation)

    def share(
        self,
        name: str,
        is_dead: Callable[[Path], bool],
        resume: Identity | None = None,
        log: Callable[[str], object] = lambda line: None,
        claim: Callable[[Path], object] = lambda generation: None,
    ) -> Path:
        """A generation of this name for writers that live in several processes, so without a lock.

        It is there already, or begins as in `writing`. Others without a lock are asked for:
        `is_dead` says whether nobody writes to one any more, and `claim` that somebody writes to this.
        """
        generation = self.generation(name)
        with self._changing():
            if not generation.is_dir():
                shared = [path for path in self._unlocked() if is_dead(path)]
                self._succeed(generation, [*self._abandoned(), *shared], resume, log)
            # Whoever began it may have died before it came to this.
            no_links.unlink(generation / LOCK)
            claim(generation)
        return generation

    def _succeed(
        self,
        generation: Path,
        dead: list[Path],
        resume: Identity | None,
        log: Callable[[str], object],
    ) -> None:
        """Make a generation out of what dead runs have left, as far as it can be reused."""
        left = {path: Ledger.read(path) for path in dead}
        chosen = to_resume(left, resume, log)
        if chosen is not None:
            # Under another name, so that a worker which outlives its run for a moment writes
            # nowhere.
            no_links.rename(chosen, generation)
        for path in left:
            _remove(path)
        make_folder(generation)

    def generation(self, name: str) -> Path:
        """Where the generation of this name is, if there is one."""
        return self._generations / name

    def commit(self, generation: Path, manifest: Manifest) -> None:
        """Make a generation, with its parts all there, the visible results.

        The parts are on the disk before the link points to them: after a power cut, too, the
        folder holds the previous results or these, whole. Once it is done it can be repeated.
        """
        if not self.is_committed(generation, manifest):
            self._make_visible(generation, manifest)
        # Not before: until now the generation can be committed again, or a run that dies be resumed.
        with suppress(FileNotFoundError):  # Another run has committed since, and removed this.
            for path in [*generation.glob("failed-*.parquet"), generation / LEDGER]:
                no_links.unlink(path)

    def is_committed(self, generation: Path, manifest: Manifest) -> bool:
        """Whether a generation is what is visible, with this manifest."""
        try:
            return self._current() == generation and Manifest.load(generation) == manifest
        except NoResults:
            return False

    def _make_visible(self, generation: Path, manifest: Manifest) -> None:
        sync_all([generation / part_name(part.number) for part in manifest.parts])
        if manifest.failed:
            from fanout_pipeline.results.store.failed_items import gather_failures  # Arrow

            gather_failures(generation, manifest.parts)
        named = {part_name(part.number) for part in manifest.parts}
        for stray in [path for path in generation.glob("*part-*") if path.name not in named]:
            no_links.remove(stray)
        manifest.save(generation)
        sync(generation)
        if self.path.exists() and not self.path.is_symlink():
            raise NoResults(
                f"{self.path} is not a result folder of ours (it is no symbolic link): "
                "move it away, then materialize the asset again."
            )
        link = self._generations / f"{generation.name}.link"
        with self._changing():
            previous = self._current()
            if previous == generation:
                previous = None
            if previous is not None and _is_folder(previous):
                # So that it is found if this process dies before it has removed it.
                no_links.touch(previous / LOCK)
            no_links.unlink(link)
            no_links.make_link(link, os.path.relpath(generation, self.path.parent))
            # Names, too: that of the generation before the link to it, the link before what it
            # pointed to goes.
            sync(self._generations)
            no_links.rename(link, self.path)
            sync(self.path.parent)
            if previous is not None:
                _remove(previous)

    def visible_generation(self) -> str | None:
        """The name of the one that is visible."""
        current = self._current()
        return None if current is None else current.name

    def manifest(self) -> Manifest:
        """Raises NoResults where nothing was committed."""
        return Manifest.load(self.path)

    def remove(self) -> None:
        """Remove the results, those of dead runs too, when nobody works on them."""
        for path in (self.path, self._generations):
            no_links.remove(path)

    def _changing(self) -> AbstractContextManager[None]:
        """Held for moments: no generation is created, committed or removed by anyone else."""
        make_folder(self._generations)
        return locked(self._generations / LOCK, 60)

    def _abandoned(self) -> list[Path]:
        """Generations other than the visible one whose writer is dead.

        Links among them are removed: a dead run's to its own, and any that stands in the place of one.
        """
        found = []
        current = self._current()
        for path in self._generations.iterdir():
            if path == current or path.name == LOCK:
                continue
            if path.is_symlink():
                no_links.unlink(path)
            elif os.path.lexists(path / LOCK):
                try:
                    with locked(path / LOCK):
                        found.append(path)
                except Held:
                    continue
                except CannotWrite:
                    if _is_folder(path):  # else its run has just ended, and removed it
                        raise
        return found

    def _unlocked(self) -> list[Path]:
        """Generations other than the visible one that are shared by several processes."""
        return [
            path
            for path in self._generations.iterdir()
            if _is_folder(path) and not (path / LOCK).exists() and path != self._current()
        ]

    @property
    def _generations(self) -> Path:
        return self.path.with_name(f".{self.path.name}")

    def _current(self) -> Path | None:
        """The visible generation; None where there is none, or the link is none of ours."""
        if not self.path.is_symlink():
            return None
        folder, _, name = os.readlink(self.path).partition("/")
        ours = folder == self._generations.name and name and name[0] != "." and "/" not in name
        return self._generations / name if ours else None


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(generation: Path) -> None:
    """Remove a generation so that it is found, by its lock, if this process dies meanwhile."""
    with suppress(OSError):
        no_links.touch(generation / LOCK)
    remove_folder(generation, last=LOCK)
