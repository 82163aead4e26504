"""A file, a folder or a glob as one input: which files it is, laid end to end in the order of their paths.

A place in the input is an offset over all of them. Names that begin with `_` or `.`, such as Spark's `_SUCCESS`,
are left out, unless a glob asks for them; folders named for a column, such as `_day=1`, are not.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from fanout_pipeline.sources.files import cannot_read, is_left_out, stat_of, where_to_put
from fanout_pipeline.sources.source import BadInput, Version
from fanout_pipeline.sources.url import Url

_END = "\0"
"""Ends a file's line of a token: the one character that no path has."""


class File(NamedTuple):
    """One file as it was found."""

    path: str
    size: int
    """In bytes."""
    stamp: str
    """Changes whenever the file may have been written to or replaced: its time and inode."""


class Range(NamedTuple):
    """What a range of the input is in one file."""

    number: int
    """Position of the file in the listing."""
    start: int
    stop: int
    """The first byte after it; like `start` counted from the beginning of the file."""


@dataclass(frozen=True)
class Listing:
    """The files of an input, as they were at one time."""

    files: tuple[File, ...]

    @cached_property
    def starts(self) -> list[int]:
        """The offset at which each file begins, and where the last ends."""
        return list(accumulate((file.size for file in self.files), initial=0))

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return self.starts[-1]

    def version(self) -> Version:
        """With a token that the listing can be had from again."""
        token = _END.join(f"{file.size} {file.stamp} {file.path}" for file in self.files)
        return Version(token, self.size)

    def place(self, offset: int) -> tuple[int, int]:
        """The number of the file that an offset lies in, and the offset in that file.

        Where one file ends and the next begins it lies in the next; after the last file, in that.
        """
        number = bisect_right(self.starts, offset, hi=len(self.files)) - 1
        return number, offset - self.starts[number]

    def ranges(self, start: int, stop: int) -> Iterator[Range]:
        """What of each file lies in a range of the input."""
        number = self.place(start)[0]
        while start < stop and number < len(self.files):
            begin, end = self.starts[number], min(self.starts[number + 1], stop)
            if end > start:
                yield Range(number, start - begin, end - begin)
                start = end
            number += 1


@lru_cache(maxsize=4)
def listing_of(token: str) -> Listing:
    """The listing that a version's token was made of."""
    lines = [line.split(" ", 3) for line in token.split(_END)]
    return Listing(tuple(File(path, int(size), f"{a} {b}") for size, a, b, path in lines))


@lru_cache(maxsize=4)
def first_blocks(token: str, block_bytes: int) -> list[int]:
    """How many blocks of so many bytes there are before each file, and in all, if each begins one."""
    sizes = (file.size for file in listing_of(token).files)
    return list(accumulate((-(-size // block_bytes) for size in sizes), initial=0))


def hash_of(digests: list[bytes]) -> str:
    """The SHA-256 of an input from those of its files. It depends on where they end, not on their names."""
    if len(digests) == 1:
        return digests[0].hex()
    import hashlib  # OpenSSL: workers do without

    return hashlib.sha256(b"".join(digests)).hexdigest()


def look(path: str, items: str) -> Listing:
    """The files of so-called items as they are now. Raises BadInput where there is none that can be read."""
    if isinstance(path, Url):
        from fanout_pipeline.sources import remote

        found = [File(one.url, one.size, f"{one.stamp} -") for one in remote.look(path)]
        return Listing(tuple(found))
    found = []
    for one in paths_of(path, items):
        status = stat_of(one, items)
        found.append(File(one, status.st_size, f"{status.st_mtime_ns} {status.st_ino}"))
    return Listing(tuple(found))


def paths_of(path: str, items: str) -> list[str]:
    """The paths of the files that a path, a folder or a glob stands for, sorted. Raises BadInput."""
    if os.path.isdir(path):
        found = sorted(_files_in(path))
        if not found:
            raise BadInput(
                f"{path} is a folder without a file of {items} (names that begin with _ or . are left "
                "out). Put a file in it, or name another folder."
            )
        return found
    if not is_glob(path):
        return [path]
    parts = [part for part in path.split("/") if part]
    found = sorted(set(_under(_matches("/" if path.startswith("/") else "", parts))))
    if not found:
        raise BadInput(
            f"No file matches {os.path.abspath(path)}. Correct the pattern, or put a file of {items} there. "
            f"{where_to_put(path)}"
        )
    return found


def files_of(path: str, recursive: bool) -> list[str]:
    """The paths in a folder or of a glob, sorted; in all folders below it where it is recursive.

    Folders may be among them. Raises BadInput where a folder cannot be read.
    """
    parts = [part for part in path.split("/") if part]
    if os.path.isdir(path):
        names = (name for name in _names_in(path) if not is_left_out(name))
        return sorted(
            _files_in(path) if recursive else (os.path.join(path, name) for name in names)
        )
    if not is_glob(path):
        stat_of(path, "an input")
        return [path]
    if recursive != ("**" in parts):
        raise BadInput(
            f"{path}: ** and recursive=True go together. Write `Files({'folder/**/*.pdf'!r}, "
            "recursive=True)` for the files of all folders below, or neither for those of one folder."
        )
    found = _matches("/" if path.startswith("/") else "", parts)
    return sorted(set(_under(found) if parts[-1] == "**" else found))


def is_glob(path: str) -> bool:
    """Whether it is a pattern, and not the path of something that is there."""
    if getattr(path, "is_exact", False):
        return False
    return any(character in path for character in "*?[") and not os.path.lexists(path)


def change(before: Version, now: Version) -> str:
    """How the files of an input have changed between two versions, as a predicate."""
    old, new = listing_of(before.token).files, listing_of(now.token).files
    if len(old) == len(new) == 1:
        return _change(old[0], new[0])
    were, are = ({file.path: file for file in files} for files in (old, new))
    for path in sorted({**were, **are}):
        if path not in are:
            return f"lost the file {path}"
        if path not in were:
            return f"was given a new file, {path},"
        if were[path] != are[path]:
            return f"changed ({path} {_change(were[path], are[path])})"
    return "was written to"


def _change(before: File, now: File) -> str:
    if now.stamp.split()[1] != before.stamp.split()[1]:
        return "was replaced"
    if now.size == before.size:
        return "was written to"
    verb = "grew" if now.size > before.size else "shrank"
    return f"{verb} from {before.size:,} to {now.size:,} bytes"


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError as error:
        raise cannot_read(folder, error) from error


def _files_in(folder: str) -> Iterator[str]:
    """All in a folder and those below it; links are followed."""
    return _under(os.path.join(folder, name) for name in _names_in(folder) if not is_left_out(name))


def _under(paths: Iterable[str]) -> Iterator[str]:
    """The paths, with files in the places of folders."""
    for path in paths:
        if os.path.isdir(path):
            yield from _files_in(path)
        else:
            yield path


def _matches(folder: str, parts: list[str]) -> Iterator[str]:
    """As `glob.glob(recursive=True)`, which says nothing of a folder that it cannot read."""
    if not parts:
        yield folder or "."
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matches(folder, rest)
    elif not any(character in first for character in "*?["):
        if os.path.lexists(path := os.path.join(folder, first)):
            yield from _matches(path, rest)
        return
    for name in _names_in(folder):
        path = os.path.join(folder, name)
        if is_left_out(name) and not is_left_out(first):
            continue
        if first == "**" and os.path.isdir(path):
            yield from _matches(path, parts)
        elif first != "**" and fnmatchcase(name, first) and (not rest or os.path.isdir(path)):
            yield from _matches(path, rest)
