"""Async functions."""

import asyncio
import contextlib
import time

from fanout_pipeline_tests.contract.functions import GUILTY
from fanout_pipeline_tests.contract.functions.marking import Slow
from fanout_pipeline_tests.contract.functions.raising import raises_on_guilty, stops_on_guilty


async def same_async(number):
    await asyncio.sleep(0)
    return number


async def waits_5_ms(number):
    await asyncio.sleep(0.005)
    return number


async def raises_cancelled_on_guilty(number):
    if number == GUILTY:
        raise asyncio.CancelledError
    return await same_async(number)


async def cancels_itself_on_guilty(number):
    if number == GUILTY:
        asyncio.current_task().cancel()
    return await same_async(number)


async def ends_iteration_on_guilty(number):
    if number == GUILTY:
        raise StopAsyncIteration
    return await same_async(number)


async def stops_on_guilty_async(number):
    return stops_on_guilty(await same_async(number))


async def raises_on_guilty_async(number):
    return raises_on_guilty(await same_async(number))


async def hangs_on_guilty(number):
    if number == GUILTY:
        await asyncio.sleep(60)
    return number


async def plus(number, more):
    return await same_async(number) + more


_connections = {}


async def ask_server(number, port):
    """The number, by way of a server, with a client that is made at the first call and then kept."""
    if port not in _connections:
        connected = asyncio.ensure_future(asyncio.open_connection("127.0.0.1", port))
        _connections[port] = connected, asyncio.Lock()
    connected, free = _connections[port]
    reader, writer = await connected
    async with free:
        writer.write(f"{number}\n".encode())
        await writer.drain()
        return int(await reader.readline())


async def hang_up(port):
    connected, _ = _connections.pop(port)
    _, writer = await connected
    writer.close()
    await writer.wait_closed()


async def blocks(number):
    """Keeps its event loop from everything else, in Python code."""
    while number == GUILTY:
        time.sleep(0.01)  # noqa: ASYNC251
    return number


async def minds_no_cancelling(number):
    while number == GUILTY:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
    return number


class AsyncSlow(Slow):
    """The same, waiting."""

    async def __call__(self, number):
        self.mark.touch()
        await asyncio.sleep(0.01)
        return number
