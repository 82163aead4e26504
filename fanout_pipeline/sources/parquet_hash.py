"""The hash of what is read of a Parquet input: whole files, or the bytes of some columns and the footers."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from fanout_pipeline.sources.parquet_errors import understood
from fanout_pipeline.sources.parquet_layout import Layout, RowFile
from fanout_pipeline.sources.source import BadInput

_BLOCK_BYTES = 2**20


def content_hash(layout: Layout, names: Collection[str] | None) -> str:
    """The SHA-256 of these columns, or of everything. Raises BadInput.

    It covers what folders say of a file, but not the names of files.
    """
    digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK_BYTES))
    for number, file in enumerate(layout.files):
        says = [values[number].as_py() for values in layout.partitions]
        digest.update(repr(says).encode(errors="surrogatepass"))
        with understood(file.path), open(file.path, "rb", buffering=0) as opened:
            for begin, end in _ranges(file, names):
                opened.seek(begin)
                left = end - begin
                while left:
                    count = opened.readinto(block[:left])
                    if not count:
                        raise BadInput(f"{file.path} shrank while it was read. Run again.")
                    digest.update(block[:count])
                    left -= count
    return digest.hexdigest()


def _ranges(file: RowFile, names: Collection[str] | None) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of the columns' bytes in a file, and of its footer."""
    from pyarrow import parquet

    size = int(file.stamp.split(" ", 1)[0])
    if names is None:
        yield 0, size
        return
    metadata = parquet.read_metadata(file.path)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in map(group.column, range(group.num_columns)):
            path = column.path_in_schema
            if any(path == name or path.startswith(f"{name}.") for name in names):
                begin = column.data_page_offset
                if column.dictionary_page_offset:  # Some writers say 0 where there is none.
                    begin = min(begin, column.dictionary_page_offset)
                yield begin, begin + column.total_compressed_size
    yield max(0, size - metadata.serialized_size - 8), size
