"""A result folder whose contents change in one step.

`<name>/<strategy>` is a symbolic link to one *generation*, a folder under `<name>/.<strategy>/`.
A run writes its parts and its manifest into a generation of its own and then moves the link, which
is atomic, so that readers see the previous results or the new ones, whole. A run that dies leaves
a generation that nothing points to; the next run removes it, knowing it by its lock being free.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fanout_pipeline.parts.atomic import make_folder, sync
from fanout_pipeline.parts.manifest import Manifest, NoResults, part_name

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """The results of one strategy, at `path`."""

    path: Path

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A new generation to write parts into, removed at the end unless it was committed."""
        generation = self.new_generation(uuid.uuid4().hex[:12])
        owner = FileLock(generation / _LOCK)
        with self._changing():
            owner.acquire(timeout=0)
            self._remove_abandoned()
        try:
            yield generation
        finally:
            if self._current() == generation:
                (generation / _LOCK).unlink(missing_ok=True)
            else:
                shutil.rmtree(generation, ignore_errors=True)
            owner.release()

    def new_generation(self, name: str) -> Path:
        """A folder for one run's parts, for writers that live in several processes."""
        generation = self._generations / name
        make_folder(generation)
        return generation

    def commit(self, generation: Path, manifest: Manifest) -> None:
        """Make a generation, with its parts all there, the visible results.

        The parts are on the disk before the link points to them: after a power cut, too, the
        folder holds the previous results or these, whole.
        """
        for part in manifest.parts:
            sync(generation / part_name(part.number))
        if manifest.failed:
            from fanout_pipeline.parts.failed import gather_failures  # Arrow

            gather_failures(generation, manifest.parts)
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
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(generation, self.path.parent))
            os.replace(link, self.path)
            if previous is not None and previous != generation:
                shutil.rmtree(previous, ignore_errors=True)
        # Not before: until then the generation can be committed again from its parts.
        for path in generation.glob("failed-*.parquet"):
            path.unlink(missing_ok=True)

    def remove_generations(self, is_dead: Callable[[Path], bool]) -> None:
        """Remove generations without a lock, other than the visible one, whose writer is dead.

        For writers that live in several processes; `is_dead` is asked for each.
        """
        with self._changing():
            for generation in self._generations.iterdir():
                if (
                    generation.is_dir()
                    and not (generation / _LOCK).exists()
                    and generation != self._current()
                    and is_dead(generation)
                ):
                    shutil.rmtree(generation, ignore_errors=True)

    def manifest(self) -> Manifest:
        """Raises NoResults where nothing was committed."""
        return Manifest.load(self.path)

    def _changing(self) -> FileLock:
        """Held for moments: no generation is created, committed or removed by anyone else."""
        make_folder(self._generations)
        return FileLock(self._generations / _LOCK, timeout=60)

    def _remove_abandoned(self) -> None:
        for lock_file in self._generations.glob(f"*/{_LOCK}"):
            lock = FileLock(lock_file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            if lock_file.parent != self._current():
                shutil.rmtree(lock_file.parent, ignore_errors=True)
            lock.release()

    @property
    def _generations(self) -> Path:
        return self.path.with_name(f".{self.path.name}")

    def _current(self) -> Path | None:
        return self._generations / self.path.readlink().name if self.path.is_symlink() else None
