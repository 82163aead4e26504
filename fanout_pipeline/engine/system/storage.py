"""Where files are kept: whether a disk lasts as long as what is written to it should."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_MOUNTS = Path("/proc/self/mountinfo")
_CONTAINERS = ("overlay", "fuse-overlayfs", "aufs")
_MEMORY = ("tmpfs", "ramfs")
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs")
_ADVICE = "Set FANOUT_DATA to a folder on a volume that stays."


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
    """Why what is written to a path may not last, or may not be safe from others, in sentences; empty if it may.

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
    kind = mount.kind.removeprefix("fuse.")
    if kind in _CONTAINERS:
        return f"{path} is on a container's own disk ({kind}), which is gone with the container. {_ADVICE}"
    if kind in _MEMORY:
        return f"{path} is in memory ({kind}), which is gone when the machine or the container ends. {_ADVICE}"
    if "kubernetes.io~empty-dir" in mount.root:
        return f"{path} is on an emptyDir of Kubernetes, which is gone with its pod. {_ADVICE}"
    if kind in _NETWORK or kind == "sshfs":
        return (
            f"{path} is on a network file system ({kind}, {mount.device}). Its locks must hold between machines "
            "(NFS 4 or later; no nolock, no nobrl), or two runs may write to the same results. Dagster's own "
            "SQLite files must not be there."
        )
    return ""


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
