"""What is left in a data root beside the generations of runs: labs, temporary files and folders."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from fanout_pipeline.command_line.cleaning.cleaning import LEFT, Cleaning, Found
from fanout_pipeline.command_line.cleaning.data_root import Contents, contents
from fanout_pipeline.command_line.cleaning.generations import (
    clean_old_layout,
    clean_runs,
    is_over,
)
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.store.folder import TURN
from fanout_pipeline.results.store.local_generation import LOCK, SHARED, LocalGeneration

_PATIENCE_SECONDS = 86_400.0
"""Of a file that is being written nothing tells whether its process lives: it is left alone for so long."""
_LAB_LOCK = "_lab.lock"
"""The file beside labs that the one which measures holds."""
_SWEEP = "break_even"
"""The folder, beside those that a sweep works in, with its lock."""


def cleaned(root: Path, older_than: float, *, dry_run: bool) -> Cleaning:
    """Remove what is older than so many seconds and what nobody needs. Raises NoDataRoot."""
    found = contents(root)
    cleaning = Cleaning(root, max(0.0, time.time() - older_than), dry_run)
    _clean(cleaning, found)
    return cleaning


def _clean(cleaning: Cleaning, found: Contents) -> None:
    # The same, for what has no lock; both write to one list.
    patient = replace(cleaning, before=min(cleaning.before, time.time() - _PATIENCE_SECONDS))
    for lab in found.labs:
        with _told(cleaning, lab):
            shared = (LocalGeneration(one.parent) for one in lab.rglob(SHARED))
            in_use = not all(map(is_over, shared))
            locks = [one for name in (TURN, LOCK) for one in sorted(lab.rglob(name))]
            locks += filter(Path.exists, [lab.with_name(_LAB_LOCK)])
            _clean_whole(cleaning, f"lab {lab.name}", lab, locks, in_use)
    for runs in found.runs:
        with _told(cleaning, runs):
            clean_runs(cleaning, runs, found.visible)
    for old in found.old:
        with _told(cleaning, old):
            clean_old_layout(cleaning, old, found.visible)
    for folder in found.folders:
        lock, what = folder.parent / _SWEEP / LOCK, "folder of a sweep or a check that died"
        with _told(cleaning, folder):
            if lock.exists():
                _clean_whole(cleaning, what, folder, [lock])
            else:
                patient.consider(what, folder)
    for file in found.files:
        patient.consider("file that was not written to its end", file)


@contextmanager
def _told(cleaning: Cleaning, path: Path) -> Iterator[None]:
    """Tell what keeps one thing from being cleaned, and go on with the next."""
    try:
        yield
    except (
        CannotWrite,
        OSError,
    ) as error:  # TimeoutError is one, of a lock that is held for a minute.
        cleaning.found.append(Found("what is there", path, 0, time.time(), LEFT, str(error)))


def _clean_whole(
    cleaning: Cleaning, what: str, folder: Path, locks: list[Path], in_use: bool = False
) -> None:
    """Remove a folder with all that is in it, unless somebody holds one of the locks."""
    with ExitStack() as held:
        try:
            for lock in locks:
                held.enter_context(locked(lock))
        except TimeoutError:
            in_use = True
        cleaning.consider(what, folder, in_use=in_use)
