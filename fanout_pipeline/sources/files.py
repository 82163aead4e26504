"""Looking at an input file before it is read, and what to do where it cannot be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import BinaryIO

from fanout_pipeline.sources.source import BadInput

_OTHER_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def stat_of(path: str, items: str) -> os.stat_result:
    """A look at the file of so-called items. Raises BadInput where it is none that can be cut and read."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise cannot_read(path, error) from error
    kind = _OTHER_KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is not None:
        raise BadInput(
            f"{path} is {kind}, not a file of {items}: it has no size to be cut by, and can be read "
            "once at most. Copy what comes out of it to a file, and name that."
        )
    return found


def stands_for(path: str, file: str) -> bool:
    """Whether a file, a folder with all below it, or a glob means this file, be it there or not."""
    return _begins(file.split("/"), path.rstrip("/").split("/"))


def _begins(file: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return True
    if not file:
        return False
    if pattern[0] == "**" and _begins(file, pattern[1:]):
        return True
    if pattern[0] != "**" and pattern[0] != file[0] and not fnmatchcase(file[0], pattern[0]):
        return False
    return _begins(file[1:], pattern if pattern[0] == "**" else pattern[1:])


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """The file, opened. Raises BadInput where it cannot be, or cannot be read within the block."""
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise cannot_read(str(error.filename or path), error) from error


def is_left_out(name: str) -> bool:
    """Whether a file or folder is no part of the folder that is read: hidden, or of a tool, such as `_SUCCESS`.

    Spark's rule: a folder that is named for a column, such as `_day=1`, is read.
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def no_link(path: str, flags: int) -> int:
    """How a file is opened for writing that may not be a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def cannot_read(path: str, error: OSError) -> BadInput:
    """The error with what to do about it."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return BadInput(_not_there(path))
    if isinstance(error, IsADirectoryError):
        advice = "Name a file in it."
    elif isinstance(error, PermissionError):
        advice = "Give the user that runs Dagster the right to read it."
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        advice = "Raise the limit of open files (ulimit -n), or use fewer workers."
    else:
        advice = "Check the disk and the path."
    return BadInput(f"Cannot read {path}: {error.strerror or error}. {advice}")


def _not_there(path: str) -> str:
    if os.path.islink(path):
        return (
            f"Cannot read {path}: it is a link to {os.path.realpath(path)}, which is not there. "
            "Correct the link, or put the file there."
        )
    folder = os.path.dirname(os.path.abspath(path))
    above = folder
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        found = f"No such file, for {above} is no folder"
    elif above != folder:
        found = f"No such file, for there is no folder {folder}"
    else:
        found = f"No such file in the folder {folder}"
    return f"Cannot read {path}: {found}. {where_to_put(path)}"


def where_to_put(path: str) -> str:
    """What to do about a file that is not there, in a sentence: in an asset it is looked for in the data root."""
    root = getattr(path, "root", None)
    if root is not None:
        variable = os.environ.get("FANOUT_DATA")
        now = f"which is {variable!a}" if variable else "which is not set"
        return (
            "Materialize the asset that writes it, put the file there, or change the data root, "
            f"{os.path.abspath(root)}, which paths of assets are relative to (environment variable "
            f"FANOUT_DATA, {now})."
        )
    if os.path.isabs(path):
        return "Put the file there, or correct the path."
    return "Paths are relative to the working directory."
