"""Whether a Dask scheduler answers at an address: a client would wait for ever for a port that says nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def require_scheduler(address: str, security: Any, seconds: float) -> None:
    """Raises what says why not, after so many seconds at most."""
    # A notebook's thread has a loop that is running.
    with ThreadPoolExecutor(1) as aside:
        kind = aside.submit(asyncio.run, _kind_of(address, security, seconds)).result()
    if kind != "Scheduler":
        raise ConnectionError(f"what answers there is a {kind}")


async def _kind_of(address: str, security: Any, seconds: float) -> str:
    import distributed.comm.core

    how = {} if security is None else security.get_connection_args("client")
    async with asyncio.timeout(seconds):
        connect: Any = distributed.comm.core.connect
        comm = await connect(address, timeout=seconds, **how)
        try:
            await comm.write({"op": "identity", "reply": True})
            answer = await comm.read()
        finally:
            comm.abort()
    return str(answer.get("type"))
