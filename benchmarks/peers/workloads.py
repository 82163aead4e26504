"""What is done: the input, the function, how many items."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from benchmarks.peers import async_functions, functions
from fanout_pipeline import IntegerLines, TextLines
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.squares import square, square_batch

AT_ONCE = 32
"""Calls that wait beside each other, the same for all: ThreadPoolExecutor's largest default."""
_WORDS = 80
_PAYLOAD = 100_000


@dataclass(frozen=True, slots=True)
class Workload:
    """One function over one file."""

    name: str
    description: str
    function: Callable[[Any], int]
    items: int
    quick_items: int
    """With `--quick`."""
    write: Callable[[Path, int], object]
    """Writes an input of so many items."""
    read: Callable[[TextIO], list[Any]]
    """What a user without a library would read it with."""
    source: type[IntegerLines] | type[TextLines]
    """What ours reads it with."""
    share: float = 1.0
    """Of the time, in relation to the others."""
    batch_function: Callable[[Any], Any] | None = None
    async_function: Callable[[Any], Any] | None = None
    expression: str = ""
    """The function as SQL on the column `item`, where it is one."""
    waits: bool = False
    article: bool = False
    """Small enough for the baselines."""

    @property
    def text(self) -> bool:
        """An item is a line's text, not an integer."""
        return self.source is TextLines


def integers(file: TextIO) -> list[int]:
    return list(map(int, file))


def texts(file: TextIO) -> list[str]:
    lines = file.read().split("\n")
    lines.pop()
    return lines


def workloads(loops_per_second: float) -> dict[str, Workload]:
    """All of them by name; burns are made of so many loops a second."""

    def of(name: str, description: str, function: Any, items: int, **more: Any) -> Workload:
        on_text = {"write": write_texts, "read": texts, "source": TextLines}
        on_numbers = {"write": write_numbers, "read": integers, "source": IntegerLines}
        given = {"quick_items": items // 20} | (
            on_text if more.pop("on_text", False) else on_numbers
        )
        return Workload(name, description, function, items, **(given | more))

    squares = {"batch_function": square_batch, "expression": "item * item"}
    burn = functions.Burn(round(1e-3 * loops_per_second))
    skewed = functions.SkewedBurn(round(20e-6 * loops_per_second))
    found: Sequence[Workload] = (
        of("square", "square of a number", square, 100_000, article=True, share=1.2, **squares),
        of("square 10M", "square of a number", square, 10_000_000, share=2.5, **squares),
        of("burn 1 ms", "1 ms of computing in Python", burn, 4_000, share=3.0),
        of("text 20 µs", "20 µs of Python on a line of text", functions.word_beginnings, 50_000, on_text=True, share=1.4),
        of("wait 5 ms", f"5 ms of waiting, at most {AT_ONCE} at once", functions.wait, 1_000, waits=True, async_function=async_functions.wait_async, share=1.4),
        of("numpy", "2.5 ms of NumPy that releases the GIL", functions.middle_of_random, 400),
        of("payload", "100 kB of text an item, a checksum of it", functions.checksum, 1_000, write=write_payloads, on_text=True),
        of("skewed", "20 µs of computing, 1 % of items 200 times as long", skewed, 20_000),
    )  # fmt: skip
    return {one.name: one for one in found}


def write_texts(path: Path, count: int) -> None:
    """Lines of 80 words out of 2,000 made-up ones; the same for the same count."""
    draw = random.Random(count)
    words = [
        "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 10))) for _ in range(2000)
    ]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _ in range(count):
            file.write(" ".join(draw.choices(words, k=_WORDS)) + "\n")


def write_payloads(path: Path, count: int) -> None:
    """Lines of 100,000 characters."""
    draw = random.Random(count)
    with path.open("wb") as file:
        for _ in range(count):
            file.write(base64.b64encode(draw.randbytes(_PAYLOAD * 3 // 4)) + b"\n")
