"""What reading, calling and writing import, in one place.

A process that runs strategies imports this with `run`, before the clock; a worker when it is to write,
and tells how long that took. Nothing else does, so that definitions load without Arrow and NumPy.
"""

from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.parts.writing
from fanout_pipeline.fanout.chunk_work import run_chunk
from fanout_pipeline.fanout.contract import Work
from fanout_pipeline.fanout.numbering import ThreadNumbering
from fanout_pipeline.sources.integer_lines import IntegerLines


def rehearse() -> None:
    """Do some chunks: the first of a process takes some milliseconds more than the next."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        path = folder / "numbers.txt"
        path.write_bytes(b"1000000\n" * 50_000)
        source = IntegerLines(str(path))
        (chunk,) = source.cut(1)
        for _ in range(3):
            run_chunk(Work(source, abs, None, (chunk,), folder), chunk, ThreadNumbering())
