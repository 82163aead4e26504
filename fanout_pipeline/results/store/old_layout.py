"""The layout of earlier versions: generations in `squares/.serial/`, each with its lock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import CannotWrite, remove_folder
from fanout_pipeline.results.files.lock import locked

OLD_LOCK = ".lock"
"""The name of every lock in that layout."""
_FILES = (OLD_LOCK, "_manifest.json", "owner")


def is_old_generation(folder: Path) -> bool:
    """Whether a folder is a generation in that layout, and not somebody else's."""
    return any((folder / name).is_file() for name in _FILES)


def remove_old_layout(path: Path) -> None:
    """Remove the generations of the results at `path`; one that is locked stays until the next commit."""
    old = path.with_name(f".{path.name}")
    with suppress(OSError, CannotWrite):
        for one in old.iterdir():
            if is_old_generation(one):
                with locked(one / OLD_LOCK):
                    remove_folder(one)
        if os.listdir(old) == [OLD_LOCK]:
            no_links.remove(old)
