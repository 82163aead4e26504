"""A function that exchanges what a run has made for links."""

import os
import pickle
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from fanout_pipeline_tests.results.files.contents import contents

ITEMS = 40
GUILTY = 3


@dataclass(frozen=True)
class Function:
    """Doubles an item; on one it fails, on another it may end the run, or plant links at a place."""

    folder: Path
    place: str = ""
    ends_on: int | None = None

    def __call__(self, item):
        if item == GUILTY:
            raise ValueError(item)
        if item == self.ends_on:
            signal.raise_signal(signal.SIGINT)
        if item == ITEMS // 2 and self.place:
            plant(self.folder, self.place)
        return 2 * item


def plant(folder, place):
    """Exchange all that is at a place for links to copies of it beside the data root."""
    outside = folder / "outside"
    found = sorted((folder / "data").glob(place))
    copies = [outside / f"{number}-{path.name}" for number, path in enumerate(found)]
    for path, copy in zip(found, copies, strict=True):
        if path.is_dir():
            copied_while_others_write(path, copy)
        else:
            shutil.copy2(path, copy)
    # Not later: the first link may end the run, and with it this process.
    (folder / "before").write_bytes(pickle.dumps(contents(outside)))
    for path, copy in zip(found, copies, strict=True):
        os.rename(path, folder / "away" / copy.name)
        path.symlink_to(copy)
    return found


def copied_while_others_write(path, copy):
    """What another worker is writing may be gone when it is to be copied: once more, then."""
    for again in (True, True, False):
        try:
            shutil.copytree(path, copy, symlinks=True)
        except (shutil.Error, FileNotFoundError):
            shutil.rmtree(copy)
            if not again:
                raise
        else:
            return
