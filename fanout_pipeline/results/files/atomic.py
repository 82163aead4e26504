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
    errno.EDQUOT: "The disk quota is used up: free some space, then run again.",
    errno.EACCES: "Give the user that runs Dagster the right to write there.",
    errno.EROFS: "The file system is read-only: set another data root (FANOUT_DATA).",
    errno.EEXIST: "A file stands in the folder's place: move it away.",
    errno.ENOTDIR: "A file stands in a folder's place: move it away.",
    errno.EISDIR: "A folder stands in the file's place: move it away.",
    errno.ELOOP: "Nothing is written or removed through a link below the data root, which alone may be "
    "one: remove the link, or put in its place what it leads to, then run again.",
    errno.EFBIG: "Files may not be so large here: raise the limit (ulimit -f), then run again.",
    errno.ENOENT: "The folder was removed while the run wrote to it: run again.",
    errno.EMFILE: "This process may open no more files: raise the limit (ulimit -n), or use fewer "
    "workers, then run again.",
    errno.ENFILE: "No process of this machine may open more files: end some, then run again.",
    errno.EAGAIN: "No more processes may be started here: raise the limit (ulimit -u), or use fewer "
    "workers, then run again.",
    errno.ENOMEM: "Memory is used up: use fewer workers, then run again.",
}

_FEW = 8
_AT_A_TIME = 16
"""Of what waits for the disk: docs/decisions/data-road.md."""


def advice(error: OSError) -> str | None:
    """What to do about a fault of the environment; None for one that is not known."""
    return _ADVICE.get(error.errno or 0)


class CannotWrite(Exception):
    """A file could not be written. What was there before is as it was."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write to and, if the block succeeds, put it in the place of `path`.

    Whatever was at `path` stays until then, and stays for good if the block raises. With
    `durable` the bytes are on the disk before the name is, so that a power cut leaves one of the
    two, whole. Raises CannotWrite, naming the file and what to do, in place of OSError.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with within(path.parent) as at:
            try:
                with open(os.open(aside.name, flags, 0o666, dir_fd=at), "wb") as file:
                    yield file
                if durable:
                    sync(aside)
                os.replace(aside.name, path.name, src_dir_fd=at, dst_dir_fd=at)
            except BaseException:
                with suppress(OSError):
                    os.unlink(aside.name, dir_fd=at)
                raise
    except OSError as error:
        raise cannot("write", path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises CannotWrite."""
    try:
        no_links.make_folder(path)
    except OSError as error:
        raise cannot("create", path, error) from error


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder for the block, removed at its end with all that is in it. Raises CannotWrite."""
    folder = parent / f"{prefix}{os.urandom(6).hex()}"
    make_folder(folder)
    try:
        yield folder
    finally:
        no_links.remove(folder)


def append_line(path: Path, line: str) -> None:
    """Add a line to a UTF-8 file. Raises CannotWrite; some of the line may be there then."""
    try:
        with open(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise cannot("write", path, error) from error


def cannot(verb: str, path: Path, error: OSError) -> CannotWrite:
    """The error that tells what to do."""
    told = advice(error) or "Check the disk and the path."
    return CannotWrite(f"Cannot {verb} {path}: {error.strerror or error}. {told}")


def _remove(path: Path) -> None:
    with suppress(OSError):
        no_links.unlink(path)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = open_file(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[Path]) -> None:
    """`sync` each."""
    _each(sync, paths)


def remove_folder(folder: Path, last: str) -> None:
    """Remove a folder and all that is in it, as far as that can be done.

    The file `last` is there for as long as anything else is: whoever dies meanwhile leaves it.
    """
    if not folder.is_symlink():
        with suppress(OSError):
            paths = [path for path in folder.iterdir() if path.name != last]
            folders = [path for path in paths if path.is_dir() and not path.is_symlink()]
            _each(_remove, [path for path in paths if path not in folders])
            for path in folders:
                no_links.remove(path)
    no_links.remove(folder)


def _each(action: Callable[[Path], object], paths: Sequence[Path]) -> None:
    """Many at a time, where there are many: the disk does together what waits together."""
    if len(paths) <= _FEW:
        for path in paths:
            action(path)
        return
    from concurrent.futures import ThreadPoolExecutor  # a few need none

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(action, paths))


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a small UTF-8 file atomically."""
    with replacing(path, durable=durable) as file:
        file.write(text.encode())
