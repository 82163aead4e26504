"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.no_links import open_file, within

_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, then run again.",
    errno.EDQUOT: "The disk quota is exceeded: free some space, then run again.",
    errno.EACCES: "Give the user that runs Dagster permission to write there.",
    errno.EROFS: "The file system is read-only: set another data root (FANOUT_DATA).",
    errno.EEXIST: "There is a file where the folder should be: move it away.",
    errno.ENOTDIR: "There is a file where a folder should be: move it away.",
    errno.EISDIR: "There is a folder where the file should be: move it away.",
    errno.ELOOP: "Only the data root itself may be a symbolic link; nothing is written or removed "
    "through a link below it: remove the link, or replace it with what it points to, then run again.",
    errno.EFBIG: "The file exceeds the size limit: raise the limit (ulimit -f), then run again.",
    errno.ENOENT: "The folder was removed while the run wrote to it: run again.",
    errno.EMFILE: "This process has reached its limit of open files: raise the limit (ulimit -n), or use fewer "
    "workers, then run again.",
    errno.ENFILE: "This machine has reached its limit of open files: end some processes, then run again.",
    errno.EAGAIN: "No more processes can be started: raise the limit (ulimit -u), or use fewer "
    "workers, then run again.",
    errno.ENOMEM: "Out of memory: use fewer workers, then run again.",
}

_FEW = 8
"""Up to this many files are synced or removed one after the other."""
_AT_A_TIME = 16
"""How many files are synced or removed concurrently: see docs/decisions/data-road.md."""


def advice(error: OSError) -> str | None:
    """What the user can do about an error of the environment; None if it is not a known one."""
    return _ADVICE.get(error.errno or 0)


class CannotWrite(Exception):
    """A file could not be written; what was there before is unchanged."""


def cannot(verb: str, path: Path, error: OSError) -> CannotWrite:
    """A CannotWrite that says what failed and what to do."""
    what_to_do = advice(error) or "Check the disk and the path."
    return CannotWrite(f"Cannot {verb} {path}: {error.strerror or error}. {what_to_do}")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a file to write to, which replaces `path` if the block succeeds.

    Until then, and for good if the block raises, `path` stays as it was. With `durable` the contents
    reach the disk before the name does, so that a power cut leaves the old file or the new one, whole.
    Raises CannotWrite, which names the file and says what to do, in place of OSError.
    """
    temporary = path.with_name(f"_{path.name}.{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with within(path.parent) as at:
            try:
                with open(os.open(temporary.name, flags, 0o666, dir_fd=at), "wb") as file:
                    yield file
                if durable:
                    sync(temporary)
                os.replace(temporary.name, path.name, src_dir_fd=at, dst_dir_fd=at)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary.name, dir_fd=at)
                raise
    except OSError as error:
        raise cannot("write", path, error) from error


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a small UTF-8 file atomically. Raises CannotWrite."""
    with replacing(path, durable=durable) as file:
        file.write(text.encode())


def append_line(path: Path, line: str) -> None:
    """Append a line to a UTF-8 file. Raises CannotWrite, after which part of the line may be there."""
    try:
        with open(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise cannot("write", path, error) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents where they do not exist. Raises CannotWrite."""
    try:
        with within(path, make=True):
            pass
    except OSError as error:
        raise cannot("create", path, error) from error


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder for the block, removed with its contents at the end. Raises CannotWrite."""
    folder = parent / f"{prefix}{os.urandom(6).hex()}"
    make_folder(folder)
    try:
        yield folder
    finally:
        no_links.remove(folder)


def sync(path: Path) -> None:
    """Wait until a file's contents, or a folder's entries, are on the disk."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[Path]) -> None:
    """`sync` each, several at a time."""
    _each(sync, paths)


def remove_folder(folder: Path) -> None:
    """`no_links.remove` for a folder of many files: several at a time."""
    if not folder.is_symlink():
        with suppress(OSError):
            _each(no_links.remove, sorted(folder.iterdir()))
    no_links.remove(folder)


def _each(action: Callable[[Path], object], paths: Sequence[Path]) -> None:
    """The disk handles concurrent requests together."""
    if len(paths) <= _FEW:
        for path in paths:
            action(path)
        return
    from concurrent.futures import ThreadPoolExecutor  # not imported for a few files

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(action, paths))
