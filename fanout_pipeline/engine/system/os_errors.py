"""What the system refuses a run, in words that say what to do.

Most faults of the disk are answered where a file is written (`parts.atomic`). This is for the rest:
descriptors, processes, memory for them, a folder that is gone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.results.files.atomic import CannotWrite, advice

# What `tempfile` raises, whatever kept it from making a file.
_NO_FOLDER = (
    "Give it one that it may write to (TMPDIR), space on that disk, or more open files (ulimit -n), "
    "then run again."
)


class SystemRefused(Exception):
    """The system gave no more of what a run needs. Nothing was made visible."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Raises CannotWrite or SystemRefused, with advice, in the place of an OSError of the block.

    `folder` is where the run writes. An OSError of the user's function is an ItemFailed by now.
    """
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, (str, bytes)) else None
        reason = error.strerror or error
        if name is None:
            told = _NO_FOLDER if error.errno == errno.ENOENT else advice(error)
        elif Path(os.fsdecode(name)).is_relative_to(folder.parent):
            told = advice(error) or "Check the disk and the path."
            raise CannotWrite(f"Cannot write {os.fsdecode(name)}: {reason}. {told}") from error
        else:
            told = None if error.errno == errno.ENOENT else advice(error)
        if told is None:
            raise
        raise SystemRefused(
            f"The run cannot go on: {reason}. {told} Nothing was made visible; earlier results are "
            "as they were."
        ) from error
