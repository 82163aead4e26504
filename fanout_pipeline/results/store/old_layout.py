"""The layout of earlier versions: generations in `squares/.serial/`, each with its lock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import CannotWrite, remove_folder
from fanout_pipeline.results.files.lock import locked

_LOCK = ".lock"
"""The name of every lock in that layout."""
_FILES = (_LOCK, "_manifest.json", "owner")
"""A generation in that layout has at least one of these: it is not a folder of somebody else's."""


def remove_old_layout(path: Path) -> None:
    """Remove the generations of the results at `path`; one that is locked stays until the next commit."""
    old = path.with_name(f".{path.name}")
    with suppress(OSError, CannotWrite):
        for one in old.iterdir():
            if any((one / name).is_file() for name in _FILES):
                with locked(one / _LOCK):
                    remove_folder(one)
        if os.listdir(old) == [_LOCK]:
            no_links.remove(old)
