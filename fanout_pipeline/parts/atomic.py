"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, then run again.",
    errno.EDQUOT: "The disk quota is used up: free some space, then run again.",
    errno.EACCES: "Give the user that runs Dagster the right to write there.",
    errno.EROFS: "The file system is read-only: set another data root (FANOUT_DATA).",
    errno.EEXIST: "A file stands in the folder's place: move it away.",
    errno.ENOTDIR: "A file stands in a folder's place: move it away.",
    errno.EISDIR: "A folder stands in the file's place: move it away.",
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
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a path to write to and, if the block succeeds, put what is there in the place of `path`.

    Whatever was at `path` stays until then, and stays for good if the block raises. With
    `durable` the bytes are on the disk before the name is, so that a power cut leaves one of the
    two, whole. Raises CannotWrite, naming the file and what to do, in place of OSError.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        yield aside
        if durable:
            sync(aside)
        os.replace(aside, path)
    except OSError as error:
        _remove(aside)
        raise _cannot("write", path, error) from error
    except BaseException:
        _remove(aside)
        raise


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises CannotWrite."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot("create", path, error) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a UTF-8 file. Raises CannotWrite; some of the line may be there then."""
    try:
        with open(path, "ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise _cannot("write", path, error) from error


def _cannot(verb: str, path: Path, error: OSError) -> CannotWrite:
    told = advice(error) or "Check the disk and the path."
    return CannotWrite(f"Cannot {verb} {path}: {error.strerror or error}. {told}")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
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
    import shutil  # zlib, bz2, lzma: workers do without

    with suppress(OSError):
        within = [path for path in folder.iterdir() if path.name != last]
        _each(_remove, [path for path in within if not path.is_dir()])
        for path in within:
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


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
    with replacing(path, durable=durable) as aside:
        aside.write_text(text, encoding="utf-8")
