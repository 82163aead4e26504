"""What runs have left beside visible results, one result folder after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from fanout_pipeline.command_line.cleaning.cleaning import Cleaning, measured
from fanout_pipeline.command_line.cleaning.data_root import CALLS, folders_in, old_generations
from fanout_pipeline.engine.scattered.owner import owner_has_ended
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.store.folder import ResultFolder, is_free
from fanout_pipeline.results.store.ledger import LEDGER, OLD_SECONDS, SCRATCH, Ledger, is_of_the_run
from fanout_pipeline.results.store.local_generation import LOCK, SHARED, LocalGeneration
from fanout_pipeline.results.store.manifest import MANIFEST, UnknownFormat
from fanout_pipeline.results.store.old_layout import OLD_LOCK, is_old_generation

_BEGINS = {
    "part": ("part-", "_part-"),
    "ledger": (LEDGER,),
    "list of failed items": ("_failed-", "failed-"),
    "spool": (SCRATCH,),
}
"""How names of files begin, by what they are."""
_OLD = "run or results in the layout of an earlier version"
_UNKNOWN = "its ledger is of another version of fanout_pipeline, which may need it"


def clean_runs(cleaning: Cleaning, runs: Path, visible: set[str]) -> None:
    """Clean `_runs/<name>`. Its runs cannot begin, commit or resume meanwhile; its locks stay."""
    target = ResultFolder(runs.parent.with_name(runs.name))
    is_call = cleaning.root / CALLS in target.path.parents
    with target.changing():
        shown = target.visible()
        for path in folders_in(runs):
            generation = LocalGeneration(path)
            if shown is not None and generation.name == shown.name:
                _clean_visible(cleaning, target, generation, is_call)
            elif os.path.realpath(path) not in visible:
                _clean_hidden(cleaning, generation)
        for link in sorted(one for one in runs.iterdir() if one.is_symlink()):
            cleaning.consider("link of a run that died", link)


def _clean_visible(
    cleaning: Cleaning, target: ResultFolder, generation: LocalGeneration, is_call: bool
) -> None:
    in_use = not _lock_is_free(generation)
    if is_call:  # No asset's results: only that step was given them.
        what = f"results of the call {target.path.name} in a step"
        cleaning.consider(what, target.path, [target.path, generation.path], in_use=in_use)
        return
    left = [generation.path / one for one in sorted(generation.names()) if _is_left(one)]
    if left:
        what = f"{_listed(left)}, of a run that died just after its results became visible"
        cleaning.consider(what, generation.path, left, in_use=in_use)


def _clean_hidden(cleaning: Cleaning, generation: LocalGeneration) -> None:
    why, ledger = "", None
    try:
        ledger = Ledger.read(generation)
    except UnknownFormat:
        why = _UNKNOWN
    what = f"unfinished run ({_listed(generation.path.iterdir())})"
    if ledger is None and generation.size(MANIFEST) >= 0:
        what = "results that were replaced"
    last = max((one.at for one in ledger.finished), default=0.0) if ledger is not None else 0.0
    in_use = not (
        is_over(generation) if (generation.path / SHARED).exists() else _lock_is_free(generation)
    )
    cleaning.consider(what, generation.path, in_use=in_use, changed=last, why=why)


def _lock_is_free(generation: LocalGeneration) -> bool:
    """Whether no process holds the lock; one that has none yet, or no more, is not begun or ended meanwhile."""
    lock = generation.path / LOCK
    return not os.path.lexists(lock) or is_free(lock)


def is_over(generation: LocalGeneration) -> bool:
    """Whether the run of several processes is over; of one on another host, only time can tell."""
    _, changed = measured(generation.path)
    return owner_has_ended(generation) or time.time() - changed > OLD_SECONDS


def _is_left(name: str) -> bool:
    return is_of_the_run(name) or name.endswith(".tmp")


def _listed(paths: Iterable[Path]) -> str:
    """What a generation has, or a part of it, in words."""
    names = [path.name for path in paths]
    counts = {
        what: sum(name.startswith(start) for name in names) for what, start in _BEGINS.items()
    }
    found = [f"{count:,} {what}{'s'[: count > 1]}" for what, count in counts.items() if count]
    return ", ".join(found) or "no parts"


def clean_old_layout(cleaning: Cleaning, old: Path, visible: set[str]) -> None:
    """Clean the runs of a result folder that earlier versions kept in `.<name>`."""
    for path in filter(is_old_generation, old_generations(old)):
        if os.path.realpath(path) in visible:
            continue
        lock = path / OLD_LOCK
        try:
            with locked(lock) if lock.exists() else nullcontext():
                _, changed = measured(path)
                # Without a lock it may be a run of several processes; only time can tell.
                in_use = not lock.exists() and time.time() - changed <= OLD_SECONDS
                cleaning.consider(_OLD, path, in_use=in_use)
        except TimeoutError:
            cleaning.consider(_OLD, path, in_use=True)
    if not cleaning.dry_run and os.listdir(old) == [OLD_LOCK]:
        cleaning.consider("lock in the layout of an earlier version", old)
