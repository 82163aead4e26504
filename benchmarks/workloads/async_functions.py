"""What workloads await for each item: apart, for no other worker process needs asyncio."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WaitAsync:
    """`functions.Wait` for callers with an event loop."""

    seconds: float

    async def __call__(self, number: int) -> int:
        await asyncio.sleep(self.seconds)
        return number
