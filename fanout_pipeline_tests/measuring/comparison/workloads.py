"""Functions of which the verdict is known, in a module that costs a worker nothing to import.

In the module of their tests they would bring pytest and the measuring room into each worker: 0.2 s, which
counts, as it should.
"""

import time


def wait_2_ms(number):
    time.sleep(0.002)
    return number


async def wait_2_ms_async(number):
    import asyncio

    await asyncio.sleep(0.002)
    return number


def burn_1_ms(number):
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        pass
    return number
