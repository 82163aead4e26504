"""Changes to files and folders that never follow a symbolic link.

The data root may be a link, or lie below one: it is resolved once, when a step begins. Below it, a link
is a mistake or an attack. Each function here walks from the root of the file system to the folder, one
name at a time, and acts relative to that folder's descriptor. So a link in place of a folder is an
OSError (ELOOP) that says where it leads, whenever it was put there, and a link in place of the file
that is removed or replaced is itself removed or replaced. A walk takes 10 to 20 µs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from fanout_pipeline.results.files.windows import on_windows, refuse_on_windows

# O_PATH, where it exists, needs no permission to list the folders on the way.
_FOLDER = 0 if on_windows() else getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW

_NO_HARD_LINKS = (
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EXDEV,
    errno.EMLINK,
    errno.ENOSYS,
)
"""What the system says where it makes no second name for a file."""


@contextmanager
def within(folder: Path, *, make: bool = False) -> Iterator[int]:
    """The descriptor of a folder, for use as `dir_fd`; `make` creates missing folders.

    An OSError raised in the block that names a file in the folder is given its full path.
    """
    refuse_on_windows("Results in folders")
    at = _descriptor(folder, make)
    try:
        yield at
    except OSError as error:
        if isinstance(error.filename, str) and "/" not in error.filename:
            raise _with_path(error, folder / error.filename, at) from None
        raise
    finally:
        os.close(at)


def _descriptor(folder: Path, make: bool) -> int:
    at = os.open("/", _FOLDER)
    names = [name for name in os.path.abspath(folder).split("/") if name]
    for depth, name in enumerate(names, 1):
        try:
            below = _subfolder(at, name, make)
        except OSError as error:
            raise _with_path(error, Path("/", *names[:depth]), at) from None
        finally:
            os.close(at)
        at = below
    return at


def _subfolder(at: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=at)
        return os.open(name, _FOLDER, dir_fd=at)


def _with_path(error: OSError, path: Path, at: int) -> OSError:
    """The error with a path; if that is a symbolic link, the error says where it leads."""
    reason = error.strerror or str(error)
    number = error.errno or 0
    if number in (errno.ELOOP, errno.ENOTDIR):
        with suppress(OSError):
            target = os.readlink(path.name, dir_fd=at)
            from fanout_pipeline.results.files.printable import printable

            number = errno.ELOOP
            reason = f"{path} is a symbolic link to {printable(target)}"
    return OSError(number, reason, str(path))


def open_file(path: Path, flags: int) -> int:
    """The descriptor of a file, as `os.open` gives it."""
    with within(path.parent) as at:
        return os.open(path.name, flags | os.O_NOFOLLOW, 0o666, dir_fd=at)


def touch(path: Path) -> None:
    """Create an empty file unless there is one."""
    os.close(open_file(path, os.O_WRONLY | os.O_CREAT))


def unlink(path: Path) -> None:
    """Remove a file or a link, if it exists."""
    # An error that leaves `within` keeps all frames that wait for it, and what these hold, until garbage is
    # collected (Python 3.12): a missing folder may, a missing file is common.
    with suppress(FileNotFoundError), within(path.parent) as at, suppress(FileNotFoundError):
        os.unlink(path.name, dir_fd=at)


def rename(old: Path, new: Path) -> None:
    """Rename a file or a folder, replacing a file or a link of the new name."""
    both = within(old.parent) if old.parent != new.parent else None
    with within(new.parent) as there, both or nullcontext(there) as here:
        os.replace(old.name, new.name, src_dir_fd=here, dst_dir_fd=there)


def share(path: Path, new: Path) -> None:
    """A second name for a file, which must not exist; a copy where the file system has no hard links."""
    with within(path.parent) as there, within(new.parent) as here:
        try:
            os.link(path.name, new.name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        import shutil

        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with (
            open(os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=there), "rb") as old,
            open(os.open(new.name, flags, 0o666, dir_fd=here), "wb") as copy,
        ):
            shutil.copyfileobj(old, copy, 2**20)


def make_link(path: Path, target: str) -> None:
    """Create a symbolic link."""
    with within(path.parent) as at:
        os.symlink(target, path.name, dir_fd=at)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with its contents, as far as possible; raises nothing."""
    import shutil  # imports zlib, bz2 and lzma, which workers do without

    with suppress(OSError), within(path.parent) as at:
        try:
            os.unlink(path.name, dir_fd=at)
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(path.name, ignore_errors=True, dir_fd=at)
