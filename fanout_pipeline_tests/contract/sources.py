"""The sources of the contract: a new format adds an entry, and every strategy is tested with it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout_pipeline import IntegerLines, TextLines
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.contract.functions.adapters import Batch
from fanout_pipeline_tests.contract.functions.returning import same


@dataclass(frozen=True)
class SourceCase:
    """A format with a function for its items."""

    write: Callable[[Path, list], object]
    """Writes items to a file."""
    item: Callable[[int], Any]
    """The item with this number; few are equal."""
    source: Callable[[str], Any]
    """Of the file's path."""
    function: Callable[[Any], Any]
    batch_function: Callable[[Any], Any]

    def made(self, path, count):
        """The source of a new file with `count` items in no order, and the results of its items."""
        items = [self.item(number * 7919 % 10_007) for number in range(count)]
        self.write(path, items)
        return self.source(str(path)), list(map(self.function, items))


def write_lines(path, items):
    path.write_text("".join(f"{item}\n" for item in items), encoding="utf-8")


def write_folder(path, items):
    """Seven files of different lengths, the first of them empty."""
    path.mkdir()
    edges = [len(items) * n * n // 36 for n in range(7)]
    for number, (start, stop) in enumerate(zip([0, *edges], edges, strict=False)):
        write_lines(path / f"{number}.txt", items[start:stop])


def text(number):
    """Of one to four bytes a character, or empty."""
    return f"{number} naïve – \N{SLICE OF PIZZA}" if number % 20 else ""


SOURCES = {
    "integers": SourceCase(write_lines, int, IntegerLines, square, square_batch),
    "folders": SourceCase(write_folder, int, IntegerLines, square, square_batch),
    "texts": SourceCase(write_lines, text, TextLines, same, Batch(same)),
}
