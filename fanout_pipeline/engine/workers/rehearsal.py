"""What a worker does once before it is measured warm."""

from pathlib import Path

from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.sources.integer_lines import IntegerLines


def rehearse() -> None:
    """Do some chunks: the first of a process takes some milliseconds more than the next."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        path = folder / "numbers.txt"
        path.write_bytes(b"1000000\n" * 50_000)
        source = IntegerLines(str(path))
        (chunk,) = source.chunks(1)
        for _ in range(3):
            process_chunk(Work(source, abs, None, (chunk,), LocalGeneration(folder)), chunk)
