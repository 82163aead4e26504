"""Folders and files of ours are made, emptied, renamed and removed without following a symbolic link.

A path to write to is a real one: whoever deploys may choose a data root that is a link, or lies
under one, and it is resolved once, when a step begins. From there on a link is nobody's but a
mistake's or an intruder's. So each of these goes down to the folder from the root of the file system, one name
after the other, and acts relative to the descriptor of the folder: a link in the place of a folder is an
OSError (ELOOP) that tells where it leads, at whatever moment it came there, and a link in the place of
what is removed or replaced is removed or replaced itself. 10 to 20 µs each. The one link that we make, the visible
name of a result folder, is for readers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

# O_PATH, where there is one, takes no right to read the folders on the way.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def within(folder: Path, *, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder, to act relative to (`dir_fd`); made where it is not there, if asked for.

    An OSError of the block that names a file by its name there gets its path.
    """
    at = _reached(folder, make)
    try:
        yield at
    except OSError as error:
        if isinstance(error.filename, str) and "/" not in error.filename:
            raise _told(error, folder / error.filename, at) from None
        raise
    finally:
        os.close(at)


def _reached(folder: Path, make: bool) -> int:
    at = os.open("/", _FOLDER)
    names = [name for name in os.path.abspath(folder).split("/") if name]
    for depth, name in enumerate(names, 1):
        try:
            below = _below(at, name, make)
        except OSError as error:
            raise _told(error, Path("/", *names[:depth]), at) from None
        finally:
            os.close(at)
        at = below
    return at


def _below(at: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=at)
        return os.open(name, _FOLDER, dir_fd=at)


def _told(error: OSError, path: Path, at: int) -> OSError:
    """The error with its path; where that is a link, this is what it tells."""
    reason = error.strerror or str(error)
    number = error.errno or 0
    if number in (errno.ELOOP, errno.ENOTDIR):
        with suppress(OSError):
            target = os.readlink(path.name, dir_fd=at)
            from fanout_pipeline.results.files.printable import printable

            number = errno.ELOOP
            reason = f"{path} is a symbolic link to {printable(target)}"
    return OSError(number, reason, str(path))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there."""
    with within(folder, make=True):
        pass


def open_file(path: Path, flags: int) -> int:
    """The descriptor of a file, as of `os.open`."""
    with within(path.parent) as at:
        return os.open(path.name, flags | os.O_NOFOLLOW, 0o666, dir_fd=at)


def touch(path: Path) -> None:
    """Make an empty file, where none is there."""
    os.close(open_file(path, os.O_WRONLY | os.O_CREAT))


def unlink(path: Path) -> None:
    """Remove a file, or a link, if it is there."""
    with suppress(FileNotFoundError), within(path.parent) as at:
        os.unlink(path.name, dir_fd=at)


def rename(old: Path, new: Path) -> None:
    """Give a file or a folder another name, in the place of a file or a link of that name."""
    both = within(old.parent) if old.parent != new.parent else None
    with within(new.parent) as there, both or nullcontext(there) as here:
        os.replace(old.name, new.name, src_dir_fd=here, dst_dir_fd=there)


def make_link(path: Path, target: str) -> None:
    """Make a symbolic link."""
    with within(path.parent) as at:
        os.symlink(target, path.name, dir_fd=at)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder and all that is in it, as far as that can be done."""
    import shutil  # zlib, bz2, lzma: workers do without

    with suppress(OSError), within(path.parent) as at:
        try:
            os.unlink(path.name, dir_fd=at)
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(path.name, ignore_errors=True, dir_fd=at)
