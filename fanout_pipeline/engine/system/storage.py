"""Where files are kept: whether a disk lasts as long as what is written to it should."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_MOUNTS = Path("/proc/self/mountinfo")
_CONTAINERS = ("overlay", "fuse.fuse-overlayfs", "aufs")
_MEMORY = ("tmpfs", "ramfs")
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
_ADVICE = "set FANOUT_DATA to a folder on a volume that stays"


class _Mount(NamedTuple):
    at: str
    """The folder that it is at."""
    kind: str
    """The type of its file system."""
    root: str
    """Which folder of that file system it is."""
    device: str
    """What it was mounted from."""


def where_kept(path: str | Path, mounts: str | None = None) -> str:
    """A sentence that says why what is written to a path may not last, or is not this machine's alone; else empty.

    After its last colon it says what to do.

    `mounts` is the text of /proc/self/mountinfo. Where there is none, which is on other systems than Linux, nothing
    is known. The path need not exist.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            return ""
    mount = _mount_of(os.path.realpath(path), mounts)
    if mount is None:
        return ""
    kind, what, advice = mount.kind, "", _ADVICE
    if kind in _CONTAINERS:
        what = f"on a container's own disk ({kind}), which is gone with the container"
    elif kind in _MEMORY:
        what = f"in memory ({kind}), which is gone when the machine or the container ends"
    elif "kubernetes.io~empty-dir" in mount.root:
        what = "on an emptyDir of Kubernetes, which is gone with its pod"
    elif kind in OBJECTS:
        what = f"on an object store ({kind}), which has neither the locks nor the links that results are made visible by"
        advice = "set FANOUT_DATA to a folder on a disk, and copy results to the store"
    elif kind in NETWORK:
        what = (
            f"on a network file system ({kind}, {mount.device}), where two runs write to the same results at once "
            "unless locks hold between machines"
        )
        advice = "mount it with locks (NFS 4; without nolock, nobrl), and keep Dagster's SQLite files elsewhere"
    return f"{path} is {what}: {advice}" if what else ""


def _mount_of(path: str, mounts: str) -> _Mount | None:
    """The mount that a path without links is on: the one with the longest path; of several there the last."""
    found = None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        try:
            _, _, _, root, at, *_ = map(_unescaped, before.split(" "))
            kind, device, *_ = map(_unescaped, after.split(" "))
        except ValueError:
            continue
        inside = at == "/" or path == at or path.startswith(f"{at}/")
        if inside and (found is None or len(at) >= len(found.at)):
            found = _Mount(at, kind, root, device)
    return found


def _unescaped(field: str) -> str:
    """A field with its spaces, tabs, line ends and backslashes, which are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
