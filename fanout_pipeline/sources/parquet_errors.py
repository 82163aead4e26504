"""What Arrow and the system say of a Parquet file that cannot be read, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fanout_pipeline.sources.files import cannot_read
from fanout_pipeline.sources.source import BadInput


@contextmanager
def understood(path: str, what: str = "the file") -> Iterator[None]:
    """What Arrow and the system say of a file that cannot be read becomes BadInput."""
    import pyarrow

    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise cannot_read(path, OSError(error.errno, os.strerror(error.errno))) from error
        raise _damaged(path, what, error) from error
    except pyarrow.ArrowException as error:
        raise _damaged(path, what, error) from error


def _damaged(path: str, what: str, error: Exception) -> BadInput:
    size = os.path.getsize(path) if os.path.exists(path) else 0
    if not size:
        return BadInput(f"{path} is empty: not even a Parquet file without rows. {_WRITE_AGAIN}")
    reason = str(error).strip().split("\n")[0].rstrip(".")
    return BadInput(
        f"Cannot read {what} of {size:,} bytes as Parquet: {path}: {reason}. It is of another "
        f"format, damaged, cut off, or still being written. {_WRITE_AGAIN}"
    )


_WRITE_AGAIN = (
    "Write it again, take it out of the folder, or name only the Parquet files, with a glob such as "
    "folder/*.parquet."
)
