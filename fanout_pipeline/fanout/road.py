"""What reading, calling and writing import, in one place.

A process that runs strategies imports this with `run`, before the clock; a worker when it is to write,
and tells how long that took. Nothing else does, so that definitions load without Arrow and NumPy.
"""

from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.fanout.chunk_work
from fanout_pipeline.parts.writing import write_part
from fanout_pipeline.sources.integer_lines import IntegerLines

# Where it parses, Arrow puts handlers of its own in the place of Python's, to be able to stop. A
# signal that comes as it ends is lost: 25 Ctrl-C of 3,000. What we have it do takes milliseconds.
pyarrow.enable_signal_handlers(False)


def rehearse() -> None:
    """Read and write some numbers: the first chunk in a process takes 5 ms more than the next."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write_part(Path(folder), 0, 0, IntegerLines("").parse(b"1000000\n" * 50_000, 0))
