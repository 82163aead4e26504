"""All workloads by name: each takes a second or two in a plain loop, but for those that wait."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import gt, le
from typing import Any

from benchmarks.workloads import functions
from benchmarks.workloads.async_functions import WaitAsync
from fanout_pipeline.squares import square, square_batch

COMPUTE = ("multiprocess", "serial")
THREADS = ("threads", "multiprocess", "serial")
_WORDS = 80
_PAYLOAD = 2_000_000
_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class Workload:
    """One function over items that are there."""

    name: str
    description: str
    function: Callable[[Any], Any]
    """What a loop or a peer calls for each item."""
    count: int
    make: Callable[[int], Any]
    """So many items, as a user has them: a list, or a DataFrame."""
    ways: Sequence[str] = COMPUTE
    """Strategies one of which may be the best one, the likely one first."""
    thread_safe: bool = False
    ours: Callable[..., Any] | None = None
    """What `fan_out` is given in place of the function: one to be awaited, or with a setup."""
    setup: Callable[[], Any] | None = None
    batch_function: Callable[[Any], Any] | None = None
    waits: bool = False
    """Whether many calls may wait beside each other: peers have threads then, and as many as they like."""

    def call(self) -> dict[str, Any]:
        """The arguments of `fan_out`, but for the items."""
        found: dict[str, Any] = {"function": self.ours or self.function}
        for name in ("thread_safe", "setup", "batch_function"):
            if value := getattr(self, name):
                found[name] = value
        return found


def in_a_list(items: Any) -> list[Any]:
    """What a loop goes through and a pool is given: rows of a DataFrame are dicts."""
    return list(items.to_dict("records") if hasattr(items, "to_dict") else items)


def workloads(loops_per_second: float) -> dict[str, Workload]:
    """All of them by name; burns are made of so many loops a second."""

    def loops(seconds: float) -> int:
        return round(seconds * loops_per_second)

    def burn(seconds: float) -> functions.Burn:
        return functions.Burn(loops(seconds))

    def uneven(seconds: float, hard: float, is_hard: Callable[[int], bool]) -> functions.UnevenBurn:
        return functions.UnevenBurn(loops(seconds), loops(hard), is_hard)

    wait, both = functions.Wait(0.01), functions.WaitAndBurn(0.004, loops(0.004))
    found: Iterable[Workload] = (
        Workload("cheap", "square of a number", square, 1_000_000, numbers),
        Workload("tiny batch", "the same, with NumPy's beside it", square, 1_000_000, numbers, ("vectorized", "serial"), batch_function=square_batch),
        Workload("dear", "1 ms of computing in Python", burn(1e-3), 1500, numbers),
        Workload("waits", "10 ms of waiting, not in threads", wait, 150, numbers),
        Workload("waits in threads", "10 ms of waiting, thread-safe", wait, 400, numbers, THREADS, thread_safe=True, waits=True),
        Workload("async", "10 ms of awaiting", wait, 4000, numbers, ("asyncio",), ours=WaitAsync(0.01), waits=True),
        Workload("checksum", "a checksum of 4 MB, thread-safe and without the GIL", functions.digest, 1200, numbers, THREADS, thread_safe=True),
        Workload("numpy", "some 2.5 ms of NumPy, thread-safe and without the GIL", functions.middle_of_random, 600, numbers, THREADS, thread_safe=True),
        Workload("both", "4 ms of waiting and 4 ms of computing, thread-safe", both, 200, numbers, ("multiprocess", "threads", "serial"), thread_safe=True, waits=True),
        Workload("skewed", "20 µs of computing, 1 % of items 100 times as long", uneven(20e-6, 2e-3, functions.one_in_a_hundred), 35_000, numbers),
        Workload("late", "5 µs of computing, the last fifth 300 times as long", uneven(5e-6, 1.5e-3, partial(le, 4000)), 5000, numbers),
        Workload("early", "5 ms of computing for 200 items, 3 µs for the rest", uneven(3e-6, 5e-3, partial(gt, 200)), 150_000, numbers),
        Workload("alternating", "20 µs of computing and 2 ms, a hundred items each", uneven(20e-6, 2e-3, functions.every_other_hundred), 1600, numbers),
        Workload("few", "three items of 0.5 s of computing", burn(0.5), 3, numbers),
        Workload("one", "one item of 0.7 s of computing", burn(0.7), 1, numbers),
        Workload("payload", "2 MB an item and a result, some 10 ms of computing", functions.translated, 150, payloads),
        Workload("text", "20 µs of Python on a line of text", functions.word_beginnings, 60_000, texts),
        Workload("long texts", "100 kB of text an item, a checksum of it", functions.checksum, 5000, long_texts),
        Workload("rows", "6 µs of computing on a row of a DataFrame", functions.score, 150_000, frame),
        Workload("slow first call", "2 ms of computing; the first call in a process waits 1 s", functions.LoadAtFirst(loops(2e-3)), 600, numbers),
        Workload("slow setup", "the same with a setup", functions.LoadAtFirst(loops(2e-3)), 600, numbers, ours=functions.LookUp(loops(2e-3)), setup=functions.load),
    )  # fmt: skip
    return {one.name: one for one in found}


def numbers(count: int) -> list[int]:
    return list(range(count))


def payloads(count: int) -> list[bytes]:
    """Some different ones again and again: memory holds each once."""
    draw = random.Random(count)
    different = [draw.randbytes(_PAYLOAD) for _ in range(8)]
    return [different[number % 8] for number in range(count)]


def texts(count: int) -> list[str]:
    """Lines of 80 words out of 2,000 made-up ones; the same for the same count."""
    draw = random.Random(count)
    words = [
        "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 10))) for _ in range(2000)
    ]
    return [" ".join(draw.choices(words, k=_WORDS)) for _ in range(count)]


def long_texts(count: int) -> list[str]:
    draw = random.Random(count)
    different = [draw.randbytes(_TEXT // 2).hex() for _ in range(50)]
    return [different[number % 50] for number in range(count)]


def frame(count: int) -> Any:
    """Eight columns of a pandas DataFrame: numbers, texts, a year."""
    import numpy
    import pandas

    draw = numpy.random.default_rng(count)
    columns: dict[str, Any] = {name: draw.random(count) for name in "abcd"}
    columns["amount"] = draw.random(count) * 200
    columns["year"] = draw.integers(1990, 2030, count)
    columns["country"] = draw.choice(["DE", "FR", "IT", "ES", "PL"], count)
    columns["name"] = [f"customer {number % 1000}" for number in range(count)]
    return pandas.DataFrame(columns)
