"""What workloads await for each item: apart, for no worker process needs asyncio."""

from __future__ import annotations

import asyncio

from benchmarks.peers.functions import WAIT_SECONDS


async def wait_async(number: int) -> int:
    """`wait` for callers with an event loop."""
    await asyncio.sleep(WAIT_SECONDS)
    return number
