"""Inputs that are named by a URL, such as s3://bucket/folder/*.jsonl: looked up and opened through fsspec.

fsspec is imported only for these, and finds credentials in the environment as it always does. What a URL itself
holds of them is not shown.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from fanout_pipeline.sources.files import is_left_out
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline.sources.url import Url, without_secrets

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_STAMPS = ("ETag", "etag", "Content-MD5", "Digest", "md5Hash", "content_hash", "generation", "ino")
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")
"""What file systems call the time of the last write: fsspec leaves that to each of them."""
_AHEAD_BYTES = 4 * 2**20
"""Fetched at a time where a file is read through: a request takes as long as some megabytes."""
_BUFFER_BYTES = 64 * 2**10
"""Fetched at a time where the ends of a line are looked for."""


class Remote(NamedTuple):
    """One file as it was found."""

    url: str
    """As messages show it."""
    size: int
    """In bytes."""
    stamp: str
    """Changes when the file does, as far as its server tells."""
    modified_ns: int
    """When it was last written to, in nanoseconds since the epoch; 0 where the server does not tell."""


def look(url: Url, recursive: bool = True) -> list[Remote]:
    """The files of a URL, a folder or a glob as they are now, sorted. Raises BadInput where there are none.

    Of a folder those below it belong to it where that is recursive.
    """
    with _explained(url):
        files, inner = _file_system(url)
        files.invalidate_cache()
        if _is_web(files):
            found = {inner: files.info(inner)}
        elif any(character in inner for character in "*?["):
            found = files.glob(inner, detail=True)
        elif files.isdir(inner):
            found = files.find(inner, detail=True, maxdepth=None if recursive else 1)
        else:
            found = {inner: files.info(inner)}
        prefix = _prefix(url, files, inner)
        made = [
            Remote(str(url) if name == inner else prefix + name, *_facts(info))
            for name, info in found.items()
            if info["type"] == "file" and (name == inner or not _is_left_out(name, inner))
        ]
    if not made:
        raise BadInput(
            f"There is no file in {url} (names that begin with _ or . are left out). Correct the path, or "
            "put a file there."
        )
    return sorted(made)


@contextmanager
def opened(url: Url, name: str, through: bool = False) -> Iterator[BinaryIO]:
    """The file of an input that messages call `name`. Raises BadInput.

    `through`: it is read from its beginning on; else some ranges of it are.
    """
    with _explained(url, name):
        files, inner = _file_system(url)
        path = inner if name == str(url) else name.removeprefix(_prefix(url, files, inner))
        how = {"cache_type": "readahead", "block_size": _AHEAD_BYTES}
        raw: Any = files.open(path, "rb", **(how if through else {"cache_type": "none"}))
        with raw:
            if getattr(raw, "size", 0) is None:
                raise BadInput(
                    f"{name} cannot be read in parts: its server knows no range requests. Copy it to a "
                    "place where it can."
                )
            raw.name = name
            yield cast(BinaryIO, raw if through else io.BufferedReader(raw, _BUFFER_BYTES))


def open_one(path: str, mode: str, **options: Any) -> tuple[IO[Any], tuple[int, int]]:
    """A file, and its size and time of the last write. Raises what fsspec does."""
    files, inner = _file_system(Url(path))
    file = files.open(inner, "rb")
    size, _, modified_ns = _facts(file.details if hasattr(file, "details") else files.info(inner))
    text = "b" not in mode
    return (io.TextIOWrapper(file, **options) if text else file), (size, modified_ns)


def _file_system(url: Url) -> tuple[AbstractFileSystem, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise BadInput(
            f"To read {url} takes fsspec. Install it with this package: fanout_pipeline[remote]."
        ) from error
    files, inner = url_to_fs(url.whole)
    return files, inner


@contextmanager
def _explained(url: Url, name: str = "") -> Iterator[None]:
    """Whatever a file system raises becomes BadInput, and tells no secret."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        told = without_secrets(str(error), url) or type(error).__name__
        if isinstance(error, FileNotFoundError):
            cause = without_secrets(str(error.__cause__ or ""), url)
            told, advice = "No such file", "Correct the path, or put the file there."
            if cause:  # fsspec takes every error of a web server for this one.
                told, advice = f"No such file ({cause})", "Check the URL and the server."
        elif isinstance(error, ImportError):
            advice = "Install what fsspec needs for such a URL."
        elif isinstance(error, PermissionError):
            advice = "Give the credentials in the environment the right to read it."
        else:
            advice = "Check the URL, the server and the credentials in the environment."
        # Not the error itself, whose traceback may show the URL.
        raise BadInput(f"Cannot read {name or url}: {told}. {advice}") from None


def _is_web(files: AbstractFileSystem) -> bool:
    """Whether it can neither list folders nor match names."""
    return "http" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,))


def _prefix(url: Url, files: AbstractFileSystem, inner: str) -> str:
    """What stands before a file system's own name of a file in a URL."""
    shown = str(url)
    if shown.endswith(inner):
        return shown.removesuffix(inner)
    whole: str = files.unstrip_protocol(inner)
    return whole.removesuffix(inner)


def _is_left_out(name: str, pattern: str) -> bool:
    """As of local folders: by its name or that of a folder below the fixed part of the pattern.

    Not where the pattern asks for such names.
    """
    parts = pattern.rstrip("/").split("/")
    fixed = next((n for n, part in enumerate(parts) if {*part} & {*"*?["}), len(parts))
    asked = any(map(is_left_out, parts[fixed:]))
    return not asked and any(map(is_left_out, name.split("/")[fixed:]))


def _facts(info: Mapping[str, Any]) -> tuple[int, str, int]:
    """Size, stamp and time of the last write."""
    size = info.get("size")
    if size is None:
        raise BadInput(
            f"{Url(str(info['name']))} has no size, so it cannot be cut. Copy it to where it has one."
        )
    time = next((info[name] for name in _TIMES if info.get(name) is not None), 0)
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    nanoseconds = round(time * 1_000_000) * 1000
    marks = [str(info[name]) for name in (*_STAMPS, "Last-Modified") if info.get(name) is not None]
    stamp = " ".join([str(nanoseconds), *marks]).replace(" ", "_")
    return int(size), stamp, nanoseconds
