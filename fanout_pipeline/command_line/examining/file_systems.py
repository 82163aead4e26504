"""Which file system a path is on."""

from __future__ import annotations

import os
from pathlib import Path


def file_system(path: Path) -> str | None:
    """The kind of the file system of a path, as the system names it."""
    import psutil

    real = Path(os.path.realpath(path))
    mounts = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    return next((mounts[one] for one in (real, *real.parents) if one in mounts), None)
