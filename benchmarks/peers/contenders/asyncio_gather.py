"""asyncio.gather and a Semaphore: Python's documentation, "Coroutines and Tasks" and "Synchronization
Primitives".
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.job import Job, Run, read_items, write_results


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with asyncio.Runner() as runner:

        def run(folder: Path) -> None:
            write_results(folder, runner.run(_all(job)))

        yield run


async def _all(job: Job) -> list[int]:
    function, limit = job.workload.async_function, asyncio.Semaphore(job.at_once)
    assert function is not None

    async def one(item: Any) -> int:
        async with limit:
            result: int = await function(item)
            return result

    return await asyncio.gather(*map(one, read_items(job)))
