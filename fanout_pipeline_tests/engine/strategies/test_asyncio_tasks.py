"""What `asyncio` refuses, and how it cuts its input."""

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.strategies import asyncio_tasks
from fanout_pipeline_tests.contract.functions import awaiting, returning
from fanout_pipeline_tests.contract.runs import options_of, run, write_items

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.mark.parametrize(("items", "parts"), [(10, 1), (200, 10), (2000, 10), (20_000, 100)])
def test_a_larger_input_has_larger_chunks(items, parts, tmp_path, monkeypatch):
    """There are as many parts, however large the input, until its chunks are as large as memory allows."""
    monkeypatch.setattr(IntegerLines, "CHUNK_SIZE", 2000)
    monkeypatch.setattr(asyncio_tasks, "SMALL_SHARE", 1 / 20)
    monkeypatch.setattr(asyncio_tasks, "CHUNKS", 10)
    file = tmp_path / "numbers.txt"
    file.write_text("".join(f"{index % 10_000:04d}\n" for index in range(items)))
    record = run("asyncio", file, awaiting.same_async, tmp_path / "asyncio", chunks=None)
    assert record.chunks == parts
    assert record.items == items


def test_a_plain_function_is_refused(tmp_path):
    """`asyncio` says what it needs instead of calling a function that would block the loop."""
    file = write_items(tmp_path / "numbers.txt", 3)
    spec = FanoutSpec("squares", IntegerLines(str(file)), returning.same)
    strategy, options = STRATEGIES["asyncio"], options_of("asyncio")
    with pytest.raises(TypeError, match=r"returning:same is not an `async def` function"):
        run_strategy(strategy, spec, tmp_path / "asyncio", options)
