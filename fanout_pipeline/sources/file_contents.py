"""What identifies the content of files: a hash of their bytes, and a stamp that is had without reading them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy

from fanout_pipeline.sources.column_hash import mixed
from fanout_pipeline.sources.file_handle import FileHandle
from fanout_pipeline.sources.object_hash import bytes_hash, tagged_hash
from fanout_pipeline.sources.source import Unreadable

_THREADS = 4
"""Read at a time; Python's lock is not held while a file is read and hashed."""


def file_hashes(files: Sequence[FileHandle | Unreadable]) -> numpy.ndarray:
    """One uint64 a file, of its bytes. One that cannot be read is no reason to end a run: the call says so.

    Raises BadInput for one that was written to since it was listed.
    """
    hashes = numpy.zeros(len(files), numpy.uint64)

    def work(number: int) -> None:
        for position in range(number, len(files), _THREADS):
            hashes[position] = _hash(files[position])

    count = min(_THREADS, len(files))
    if count == 1:
        work(0)
    elif count:
        with ThreadPoolExecutor(count) as threads:
            list(threads.map(work, range(count)))
    return hashes


def _hash(file: FileHandle | Unreadable) -> int:
    if isinstance(file, Unreadable):
        return tagged_hash("unreadable", file.text)
    try:
        with file.open() as opened:
            digest = hashlib.file_digest(cast(Any, opened), lambda: hashlib.blake2b(digest_size=8))
    except OSError as error:
        return tagged_hash("unreadable", type(error).__name__)
    return int.from_bytes(digest.digest(), "little")


def file_stamps(
    files: Sequence[FileHandle | Unreadable], marks: Sequence[str] = ()
) -> numpy.ndarray:
    """One uint64 a file, of its size and time, and of its mark where there are marks."""
    fields = [(0, 0) if type(one) is Unreadable else (one.size, one.modified_ns) for one in files]  # type: ignore[union-attr]
    sizes, times = numpy.array(fields, numpy.int64).reshape(-1, 2).T.astype(numpy.uint64)
    stamps = mixed(mixed(sizes) ^ times)
    if marks:
        stamps ^= numpy.fromiter(map(bytes_hash, map(str.encode, marks)), numpy.uint64, len(marks))
    for position, one in enumerate(files):
        if type(one) is Unreadable:
            stamps[position] = tagged_hash("unreadable", one.text)
    return stamps
