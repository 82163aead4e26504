"""What the README claims of asyncio: 10,000 waits of 10 ms, 1,000 of them in flight.

From the file on disk to committed parts, starting and stopping included. Beside `asyncio` with other
limits there are `threads`, as many of them as calls in flight, on the same wait as a plain function,
and two bare programs that read no file and write none: a semaphore around every call under
gather(), as most would write it, and a task an item. All take turns, in one process that has
imported what they need. Prints for each the median time, its range, and what is beyond the ideal,
that is waits x seconds / calls in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers


async def waits(number: int, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return number


def sleeps(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def ours(root: Path, strategy: str, seconds: float, count: int, at_once: int) -> float:
    """Seconds of one run of a strategy, as its record tells them."""
    function = partial(sleeps if strategy == "threads" else waits, seconds=seconds)
    spec = FanoutSpec("waits", IntegerLines(NUMBERS_FILE).under(root), function)
    options = Options(workers=at_once, concurrency=at_once)
    # Threads work on a chunk each.
    chunks = at_once if strategy == "threads" else None
    record = run_strategy(
        STRATEGIES[strategy], spec, root / strategy, replace(options, chunks=chunks)
    )
    assert record.items == count
    return record.wall_seconds


def bare(program: Callable[..., object], seconds: float, count: int, at_once: int) -> float:
    began = time.perf_counter()
    results = asyncio.run(program(partial(waits, seconds=seconds), count, at_once))  # type: ignore[arg-type]
    assert results == list(range(count))
    return time.perf_counter() - began


async def semaphore_and_gather(function: partial, count: int, at_once: int) -> list[int]:
    limit = asyncio.Semaphore(at_once)

    async def one(number: int) -> int:
        async with limit:
            return await function(number)

    return await asyncio.gather(*map(one, range(count)))


async def task_an_item(function: partial, count: int, at_once: int) -> list[int]:
    """Like the first, but with no more tasks at a time than calls in flight."""
    limit = asyncio.Semaphore(at_once)
    results = [0] * count

    async def one(number: int) -> None:
        results[number] = await function(number)
        limit.release()

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await limit.acquire()
            group.create_task(one(number))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="waits")
    parser.add_argument("--seconds", type=float, default=0.01, help="of each wait")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1000], help="in flight")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-threads", action="store_true")
    arguments = parser.parse_args()
    count, seconds = arguments.count, arguments.seconds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_numbers(root / NUMBERS_FILE, count)
        ways: dict[tuple[str, int], Callable[[], float]] = {}
        for at_once in arguments.at_once:
            size = (seconds, count, at_once)
            ways["asyncio", at_once] = partial(ours, root, "asyncio", *size)
            ways["semaphore and gather", at_once] = partial(bare, semaphore_and_gather, *size)
            ways["task an item", at_once] = partial(bare, task_an_item, *size)
            if not arguments.no_threads:
                ways["threads", at_once] = partial(ours, root, "threads", *size)
        taken: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
        for number in range(arguments.rounds + 1):
            # Backwards every other time; the first round is for imports and page cache.
            for way in list(ways)[:: 1 if number % 2 else -1]:
                took = ways[way]()
                if number:
                    taken[way].append(took)
    print(f"{count:,} waits of {1000 * seconds:g} ms, {arguments.rounds} rounds, seconds")
    for (name, at_once), times in taken.items():
        ideal = seconds * count / min(count, at_once)
        median = statistics.median(times)
        print(
            f"{name:22} {at_once:6,} in flight: {median:.3f} ({min(times):.3f} to {max(times):.3f}), "
            f"ideal {ideal:.3f}, beyond it {median - ideal:.3f}"
        )


if __name__ == "__main__":
    main()
