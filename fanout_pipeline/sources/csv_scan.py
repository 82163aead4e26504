"""One pass over CSV files: their hash, headers compared, and where records begin."""

from __future__ import annotations

from functools import lru_cache

from fanout_pipeline.sources.csv_header import Header, header_of, require_same
from fanout_pipeline.sources.csv_marks import Mark, Marks, scan
from fanout_pipeline.sources.csv_records import Dialect, FieldError
from fanout_pipeline.sources.files import reading
from fanout_pipeline.sources.many_files import File, hash_of, listing_of


@lru_cache(maxsize=64)
def cached_header(file: File, dialect: Dialect) -> Header:
    with reading(file.path) as opened:
        return header_of(opened, file.size, dialect, is_named=True)


def scan_files(token: str, dialect: Dialect, is_named: bool) -> tuple[str, tuple[Marks, ...]]:
    """The hash of the files of a listing, and where records begin in them. Raises BadInput."""
    import hashlib  # OpenSSL: workers do without

    digests, marks, records = [], [], 0
    first: tuple[tuple[str, ...], str] | None = None
    for file in listing_of(token).files:
        digest = hashlib.sha256()
        with reading(file.path) as opened:
            header = header_of(opened, file.size, dialect, is_named=is_named)
            if header.names:
                first = first or (header.names, file.path)
                require_same(header.names, file.path, *first)
            begin = Mark(header.end, records, header.lines)
            try:
                marks.append(scan(opened, file.size, begin, dialect, digest.update))
            except FieldError as error:
                raise error.at(file.path, 0) from None
        records = marks[-1].records[-1]
        digests.append(digest.digest())
    return hash_of(digests), tuple(marks)


cached_scan = lru_cache(maxsize=4)(scan_files)
