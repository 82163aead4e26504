"""An async function whose calls are cancelled when they take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Limited:
    """The function with a time limit for each call."""

    def __init__(self, function: Callable[..., Any], seconds: float):
        self._function = function
        self._seconds = seconds

    async def __call__(self, *given: Any) -> Any:
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await self._function(*given)
        except TimeoutError:
            if not limit.expired():
                raise  # the function's own
            raise TimeoutError(
                f"the call took longer than item_timeout_seconds ({self._seconds:g} s) and was "
                "cancelled"
            ) from None
