"""asyncio.gather and a Semaphore: Python's documentation, "Coroutines and Tasks" and "Synchronization
Primitives".
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.peers.job import Job, Run, read_items


@contextmanager
def start(job: Job) -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield lambda: runner.run(_all(job))


async def _all(job: Job) -> list[Any]:
    function, limit = job.workload.ours, asyncio.Semaphore(job.at_once)
    assert function is not None

    async def one(item: Any) -> Any:
        async with limit:
            return await function(item)

    return await asyncio.gather(*map(one, read_items(job)))
