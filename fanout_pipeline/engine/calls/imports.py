"""What reading and writing import, in one place, and a chunk done with it to see it loaded.

A process that runs strategies imports this with `engine.run`, before the clock starts; a worker process only when
it is kept for further runs. Nothing else does, so that definitions load without Arrow and NumPy.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.results.write
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.sources.integer_lines import IntegerLines


def rehearse() -> None:
    """Do a chunk: with it, a process pays what its first chunk costs more than the next, some milliseconds."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        (folder / "numbers.txt").write_bytes(b"1000000\n" * 50_000)
        source = IntegerLines(str(folder / "numbers.txt"))
        for chunk in source.chunks(1):
            process_chunk(Work(source, abs, None, (), LocalGeneration(folder)), chunk)
