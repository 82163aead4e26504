"""The files of a folder or glob as items: each item is a handle of one file, which the function reads.

The unit is the file, by its number in the order of the paths. What is listed once travels to the workers:
they neither list again nor look at a file that nobody opens.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from fanout_pipeline.sources.file_handle import FileHandle
from fanout_pipeline.sources.many_files import files_of
from fanout_pipeline.sources.source import BadInput, Chunk, Items, Source, Unreadable, Version
from fanout_pipeline.sources.url import Url, url_or_path

if TYPE_CHECKING:
    import numpy
    import pyarrow

_FILE_BYTES = 2**14
"""To open and close a file takes about as long as to read so many bytes of it."""
_KEPT = 2
"""Listings that a process remembers: that of its run, and the one that this is compared with in the end."""
_BROKEN = -1
"""The size of what is a link to nothing."""
_Found = tuple[str, int, int, str]
"""Path, size, time, and what else changes when the file does."""
COLUMNS = ("path", "name", "size", "modified")


@dataclass(frozen=True)
class Listed:
    """The files of an input as they were at one time, in the order of their paths."""

    token: str
    """The SHA-256 of all that follows."""
    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    """In bytes."""
    times: tuple[int, ...]
    """When each was last written to, in nanoseconds since the epoch."""
    marks: tuple[str, ...] = ()
    """What else changes with a file, as its server tells; none of files on a disk here."""

    def __len__(self) -> int:
        return len(self.paths)


_listed: dict[str, Listed] = {}
"""The latest listings of this process by their tokens, the latest last."""


@dataclass(frozen=True, slots=True)
class Files(Source):
    """The files of the folder or glob `path`; of all folders below, where it is `recursive`."""

    path: str
    recursive: bool = False
    listed: Listed | None = field(default=None, compare=False, repr=False, kw_only=True)
    """The files as they were when the source was examined."""

    CHUNK_SIZE: ClassVar[int] = 20_000
    """A handle is small. What a worker holds is the results of a chunk."""
    UNIT: ClassVar[str] = "files"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", url_or_path(self.path))
        if not isinstance(self.recursive, bool):
            raise TypeError(f"recursive is True or False, not {self.recursive!r}")

    def version(self) -> Version:
        """Lists the files. Where they were listed before, that is their version: a part is no reason to look."""
        listed = self.listed or self._look()
        return Version(listed.token, len(listed))

    def examine(self) -> Version:
        version = self.version()
        return replace(version, items=version.size)

    def examined(self, version: Version) -> Self:
        return replace(self, listed=_listed.get(version.token))

    def chunks(self, wanted: int) -> tuple[Chunk, ...]:
        """Of about as many bytes each."""
        listed = self._files()
        ends = list(accumulate(size + _FILE_BYTES for size in listed.sizes))
        shares = (ends[-1] * number / wanted for number in range(1, wanted))
        edges = sorted({0, *(1 + bisect_left(ends, share) for share in shares), len(ends)})
        return tuple(Chunk(n, *edges[n : n + 2]) for n in range(len(edges) - 1))

    def read(self, chunk: Chunk) -> FileItems:
        return FileItems(chunk, self._files(), self.path)

    def locate(self, index: int) -> str:
        return _shown(self._files().paths[index])

    def change(self, before: Version, now: Version) -> str:
        old, new = (_listed.get(version.token) for version in (before, now))
        if old is None or new is None:
            return "has other files than before, or one was written to,"
        were, are = (dict(zip(one.paths, _stamps(one), strict=True)) for one in (old, new))
        for path in sorted({**were, **are}):
            if path not in are:
                return f"lost the file {_shown(path)}"
            if path not in were:
                return f"was given a new file, {_shown(path)},"
            if were[path] != are[path]:
                return f"changed ({_shown(path)} was written to)"
        return "was listed anew"

    def require_columns(self, names: Sequence[str]) -> None:
        """Raises BadInput for a column that handles lack."""
        for name in names:
            if name not in COLUMNS:
                raise BadInput(f"Files have no column {name!r}, but {', '.join(COLUMNS)}.")

    def _files(self) -> Listed:
        return self.listed or self._look()

    def _look(self) -> Listed:
        """List the files as they are now. Raises BadInput."""
        found = self._remote() if isinstance(self.path, Url) else self._local()
        if not found:
            raise BadInput(
                f"There is no file in {self.path} (names that begin with _ or . are left out). Correct "
                "the path, or put a file there."
            )
        paths, sizes, times, marks = zip(*found, strict=True)
        is_remote = isinstance(self.path, Url)
        listed = Listed(_token(self.path, found), paths, sizes, times, marks if is_remote else ())
        _listed.pop(listed.token, None)
        _listed[listed.token] = listed
        while len(_listed) > _KEPT:
            del _listed[next(iter(_listed))]
        return listed

    def _remote(self) -> list[_Found]:
        from fanout_pipeline.sources import remote

        url = cast(Url, self.path)
        if str(url) != url.whole:
            raise BadInput(
                f"{url} is given with a user, a password or a query. Give credentials in the environment, "
                "for a handle shows the URL that it opens."
            )
        return [
            (one.url, one.size, one.modified_ns, one.stamp)
            for one in remote.look(url, self.recursive)
        ]

    def _local(self) -> list[_Found]:
        found = []
        for path in files_of(self.path, self.recursive):
            try:
                status = os.stat(path)
            except FileNotFoundError:
                found.append((path, _BROKEN, 0, ""))
                continue
            if stat.S_ISREG(status.st_mode):
                found.append((path, status.st_size, status.st_mtime_ns, ""))
        return found


class FileItems(Items):
    """The handles of some files."""

    def __init__(self, chunk: Chunk, listed: Listed, path: str):
        """`path`: that of the source."""
        place = slice(chunk.start, chunk.stop)
        self._path = path
        self._marks = listed.marks[place]
        fields = listed.paths[place], listed.sizes[place], listed.times[place]
        values: list[FileHandle | Unreadable] = list(map(FileHandle, *fields))
        if _BROKEN in fields[1]:
            values = [
                _broken(path) if size == _BROKEN else value
                for path, size, value in zip(*fields[:2], values, strict=True)
            ]
        super().__init__(chunk, values)

    def as_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """The columns path, name, size (in bytes) and modified, a row for each item."""
        import pyarrow

        rows = [None if type(one) is Unreadable else one for one in self.values]
        made = {
            "path": ([row and _shown(row.path) for row in rows], pyarrow.string()),
            "name": ([row and _shown(row.name) for row in rows], pyarrow.string()),
            "size": ([row and row.size for row in rows], pyarrow.int64()),
            "modified": (
                [row and row.modified_ns // 1000 for row in rows],
                pyarrow.timestamp("us", "UTC"),
            ),
        }
        names = COLUMNS if columns is None else columns
        return pyarrow.table({name: pyarrow.array(*made[name]) for name in names})

    def column(self, name: str) -> Any:
        """As of `as_arrow`, but for `path`, which counts from the fixed part of the source's."""
        if name == "path":
            paths = [None if type(one) is Unreadable else one.path for one in self.values]
            return [one and _shown(one) for one in _below(self._path, paths)]
        if name not in COLUMNS:
            raise BadInput(f"Files have no column {name!r}, but {', '.join(COLUMNS)}.")
        return self.as_arrow([name]).column(0)

    def contents(self) -> numpy.ndarray:
        """Hashes of the bytes of local files, which are read; the stamps of others. Raises BadInput."""
        from fanout_pipeline.sources.file_contents import file_hashes

        return self.stamps() if self._marks else file_hashes(self.values)

    def stamps(self) -> numpy.ndarray:
        """Hashes of size, time and what a server tells besides."""
        from fanout_pipeline.sources.file_contents import file_stamps

        return file_stamps(self.values, self._marks)


def _token(path: str, found: Sequence[_Found]) -> str:
    """The SHA-256 of paths, sizes and times. Paths count from the fixed part of the input's path."""
    import hashlib  # OpenSSL: workers do without

    fixed = len(os.path.dirname(re.split(r"[*?[]", path, maxsplit=1)[0]))
    lines = (
        b"%b\0%d %d %b\0" % (os.fsencode(one[fixed:]), size, time, stamp.encode())
        for one, size, time, stamp in found
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _below(path: str, files: Iterable[str | None]) -> Iterator[str | None]:
    """The paths of files from the folder on that is named, or that is before the first wildcard."""
    is_exact = getattr(path, "is_exact", False)
    fixed = path if is_exact else re.split(r"[*?[]", path, maxsplit=1)[0]
    folders = [os.path.normpath(one).rstrip("/") + "/" for one in (path, os.path.dirname(fixed))]
    for file in files:
        found = file and os.path.normpath(file)
        folder = next((one for one in folders if found and found.startswith(one)), "")
        yield found and found[len(folder) :]


def _stamps(listed: Listed) -> zip[tuple[int, int]]:
    return zip(listed.sizes, listed.times, strict=True)


def _broken(path: str) -> Unreadable:
    there = _shown(os.path.realpath(path))
    reason = f"is a link to {there}, which is not there"
    return Unreadable(_shown(path), reason, "Correct the link, or remove it.")


def _shown(path: str) -> str:
    """A path in printable text, whatever bytes it is of."""
    return path if path.isprintable() else ascii(path)
