"""Which folder is cleaned, and where in it something of ours lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fanout_pipeline.results.store.folder import RUNS
from fanout_pipeline.results.store.local_generation import LOCK
from fanout_pipeline.results.store.old_layout import is_old_generation

CALLS = "_calls"
"""The folder in a data root in which calls of `fan_out` in a step keep their results."""
_TEMPORARY = re.compile(r"_.+\.[0-9a-f]{12}\.tmp")
"""A file that was being written: see `atomic.replacing`."""
_SCRATCH = re.compile(r"([_.]break_even|_doctor)-[0-9a-f]{12}")
"""A folder that a sweep or `doctor` worked in."""
_OLD = re.compile(r"[0-9a-f-]{12,36}")
"""A generation in the layout of earlier versions, named by chance or after a run of Dagster."""
_LAB = "_lab"
_TRIALS = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}\.parquet")
_PROJECT = (".git", "pyproject.toml", "setup.py", "setup.cfg")


class NoDataRoot(ValueError):
    """A folder that is not cleaned. The message says why, and what to do."""


@dataclass(slots=True)
class Contents:
    """Where in a data root something of ours lies."""

    runs: list[Path] = field(default_factory=list)
    """The folders `_runs/<name>`, each with the generations of one result folder."""
    old: list[Path] = field(default_factory=list)
    """The same in the layout of earlier versions."""
    labs: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """Temporary files."""
    folders: list[Path] = field(default_factory=list)
    """Temporary folders."""
    visible: set[str] = field(default_factory=set)
    """What any link outside of `_runs` points to, and the folders that this is in, as real paths."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of ours."""
        return not (self.runs or self.old or self.labs or self.files or self.folders)


def chosen_root(folder: str | None) -> Path:
    """The folder to clean, without links. Raises NoDataRoot where there is none, or it is more than a data root."""
    named = folder or os.environ.get("FANOUT_DATA")
    if not named:
        raise NoDataRoot(
            "Which data root? Name the folder, as in `clean --older-than 30d /srv/fanout`, or set FANOUT_DATA. Assets "
            "of a project without FANOUT_DATA keep theirs in the folder `fanout` of Dagster's storage, usually "
            "$DAGSTER_HOME/storage/fanout."
        )
    path = Path(os.path.realpath(named))
    if not path.is_dir():
        raise NoDataRoot(
            f"{named} is no folder. Name the data root, which FANOUT_DATA says elsewhere."
        )
    if path == Path(path.anchor) or path == Path.home().resolve():
        raise NoDataRoot(f"{path} is more than a data root: name the folder in it that is one.")
    found = next((name for name in _PROJECT if (path / name).exists()), None)
    if found is not None:
        raise NoDataRoot(
            f"{path} is a project, for it has {found}: name its data root, such as {path / 'data'}."
        )
    return path


def contents(root: Path) -> Contents:
    """What of ours a data root has; no link is followed. Raises NoDataRoot where it has nothing."""
    found = Contents()
    _look(root, found)
    if found.is_empty:
        raise NoDataRoot(
            f"{root} is no data root: nothing in it was written by fanout_pipeline. Name the folder that "
            "FANOUT_DATA says where the assets run."
        )
    return found


def _look(folder: Path, found: Contents) -> None:
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.is_symlink():
            target = Path(os.path.realpath(path))
            found.visible.update(map(str, (target, *target.parents)))
        elif entry.is_file(follow_symlinks=False):
            if _TEMPORARY.fullmatch(entry.name):
                found.files.append(path)
        elif not entry.is_dir(follow_symlinks=False):
            continue
        elif entry.name == RUNS:
            found.runs += [one for one in folders_in(path) if _is_file(one / LOCK)]
        elif _SCRATCH.fullmatch(entry.name):
            found.folders.append(path)
        elif entry.name.startswith(".") and _is_old(path):
            found.old.append(path)
        elif entry.name.endswith(_LAB) and _has_trials(path):
            found.labs.append(path)
        else:
            _look(path, found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, PermissionError):  # It has just gone, or is none of ours.
        return []


def folders_in(folder: Path) -> Iterator[Path]:
    """The folders in a folder."""
    return (Path(one.path) for one in _entries(folder) if one.is_dir(follow_symlinks=False))


def old_generations(folder: Path) -> Iterator[Path]:
    """What may be generations in the layout of earlier versions."""
    return (one for one in folders_in(folder) if _OLD.fullmatch(one.name))


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_old(folder: Path) -> bool:
    """Whether a hidden folder holds generations in the layout of earlier versions."""
    return any(map(is_old_generation, old_generations(folder)))


def _has_trials(folder: Path) -> bool:
    """Whether a folder is a lab's: it has trials, or is running the first."""
    trials = folder / "trials"
    if not trials.is_symlink() and any(_TRIALS.fullmatch(one.name) for one in _entries(trials)):
        return True
    return _is_file(folder / RUNS / "trials" / LOCK)
