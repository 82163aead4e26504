"""One lab at a time in a data root: two that measure at once would measure each other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.files.no_links import open_file, unlink
from fanout_pipeline.results.files.printable import printable

LOCK = "_lab.lock"
"""Name of the file in the data root that the lab which measures holds, and that says which one it is. It is there
while one does."""
_LOOK_SECONDS = 0.5


@contextmanager
def own_turn(root: Path, asset: str, run_id: str, log: Callable[[str], object]) -> Iterator[None]:
    """Wait until no other lab measures, and keep others waiting during the block. Who waits is told for whom.

    Raises CannotWrite.
    """
    make_folder(root)
    path, told = root / LOCK, ""
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(path, _LOOK_SECONDS))
                break
            except TimeoutError:
                holder = _holder(path)
                if holder and holder != told:
                    log(f"Waiting for {holder}: one lab at a time measures in {root}.")
                    told = holder
        if told:
            log("It has ended: measuring begins.")
        _name(path, {"asset": asset, "run": run_id, "pid": os.getpid(), "since": time.time()})
        try:
            yield
        finally:
            unlink(
                path
            )  # before it is let go: who holds another file by this name is not disturbed


def _holder(path: Path) -> str:
    """Who holds the lock, in words; nothing where that is being written, or it is being let go."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text())
        since = datetime.fromtimestamp(found["since"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        who = f"{found['asset']} (run {found['run']}, process {found['pid']}, since {since})"
        return printable(who)
    return ""


def _name(path: Path, holder: dict[str, object]) -> None:
    """Say in the file who holds it; the lock itself stands without that."""
    with suppress(OSError):
        descriptor = open_file(path, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w") as file:
            json.dump(holder, file)
