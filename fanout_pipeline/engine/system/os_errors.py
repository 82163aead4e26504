"""Errors of the operating system as messages that say what to do.

Most errors of the disk are explained where a file is written (`results.files.atomic`). This covers the rest:
no more descriptors, processes or memory for them, a folder that was removed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.results.files.atomic import CannotWrite, advice

_NO_TEMPORARY_FOLDER = (
    "Give it one that it may write to (TMPDIR), space on that disk, or more open files (ulimit -n), "
    "then run again."
)
"""`tempfile` raises the same error whatever kept it from creating a file."""


class SystemRefused(Exception):
    """The operating system refused something that a run needs. Nothing was committed."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Raises CannotWrite or SystemRefused, with advice, instead of an OSError of the block.

    `folder` is where the run writes. An OSError of the user's function is an ItemFailed by then.
    """
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, (str, bytes)) else None
        reason = error.strerror or error
        help_text: str | None
        if name is None:
            help_text = _NO_TEMPORARY_FOLDER if error.errno == errno.ENOENT else advice(error)
        elif Path(os.fsdecode(name)).is_relative_to(folder.parent):
            help_text = advice(error) or "Check the disk and the path."
            raise CannotWrite(f"Cannot write {os.fsdecode(name)}: {reason}. {help_text}") from error
        else:
            help_text = None if error.errno == errno.ENOENT else advice(error)
        if help_text is None:
            raise
        raise SystemRefused(
            f"The run cannot continue: {reason}. {help_text} Nothing was committed; earlier results "
            "are unchanged."
        ) from error
