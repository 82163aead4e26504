"""Kinds of file systems, as far as they differ in what can be relied on."""

from __future__ import annotations

import os
from pathlib import Path

OBJECTS = frozenset(
    ["fuse.s3fs", "fuse.gcsfuse", "fuse.blobfuse", "fuse.blobfuse2", "fuse.rclone", "fuse.goofys"]
)
"""Object stores that look like a disk, as the system names them: without locks and without links."""
NETWORK = OBJECTS | frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "9p",
        "fuse.sshfs",
        "fuse.glusterfs",
    ]
)
"""File systems on other machines."""


def file_system(path: Path) -> str | None:
    """The kind of the file system of a path, as the system names it."""
    import psutil

    real = Path(os.path.realpath(path))
    mounts = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    return next((mounts[one] for one in (real, *real.parents) if one in mounts), None)
