"""The sources of the contract: a new format adds an entry, and every strategy is tested with it."""

import csv
import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas
import pyarrow
from pyarrow import parquet

from fanout_pipeline import Csv, Files, IntegerLines, JsonLines, Parquet, Sql, TextLines
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.sample import Sample
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.contract.functions.adapters import Batch
from fanout_pipeline_tests.contract.functions.of_csv import all_noted, noted
from fanout_pipeline_tests.contract.functions.of_rows import as_text, texts_of_arrow, texts_of_frame
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


def write_rows(path, rows):
    """Row groups are shorter than any chunk, and longer than some."""
    schema = pyarrow.schema({"number": pyarrow.int64(), "text": pyarrow.string()})
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, row_group_size=10)


def write_column(path, values):
    """Beside one that is not asked for."""
    table = pyarrow.table({"other": pyarrow.nulls(len(values)), "number": values})
    parquet.write_table(table, path, row_group_size=40)


def row(number):
    """With a null in some."""
    return {"number": number if number % 3 else None, "text": text(number)}


def parquet_column(path):
    return Parquet(path, columns=("number",))


def write_folder(path, items):
    """Seven files of different lengths, the first of them empty."""
    path.mkdir()
    edges = [len(items) * n * n // 36 for n in range(7)]
    for number, (start, stop) in enumerate(zip([0, *edges], edges, strict=False)):
        write_lines(path / f"{number}.txt", items[start:stop])


def write_more_lines(path, items):
    """Followed by others."""
    write_lines(path, [*items, *range(len(items), 0, -1)])


def head_of_lines(path):
    count = Path(path).read_bytes().count(b"\n")
    return Sample(IntegerLines(path), max(1, count // 2))


def all_rows(path):
    """In runs, which are all there is."""
    return Sample(Parquet(path), 1_000_000, "spread")


def write_csv(path, items):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("number", "unused", "note"), restval="")
        writer.writeheader()
        writer.writerows(items)


def csv_row(number):
    """Every other one is of several lines."""
    return {"number": number, "note": f'{number} "naïve",\n' * (number % 2) + text(number)}


def read_csv(path):
    return Csv(path, columns=("number", "note"), types={"number": int})


def text(number):
    """Of one to four bytes a character, or empty."""
    return f"{number} naïve – \N{SLICE OF PIZZA}" if number % 20 else ""


def write_gzip(path, items):
    """Of two members, as `cat a.gz b.gz` makes them."""
    half = len(items) // 2
    for part in (items[:half], items[half:]):
        with gzip.open(f"{path}.gz", "at", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{item}\n" for item in part)


def write_zstd(path, items):
    with pyarrow.CompressedOutputStream(f"{path}.zst", "zstd") as file:
        file.write("".join(f"{item}\n" for item in items).encode())


def write_table(path, items):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE orders (number INTEGER, label TEXT)")
        database.executemany("INSERT INTO orders VALUES (?, 'label')", [(one,) for one in items])
        database.commit()


def sql(path):
    return Sql("SELECT * FROM orders ORDER BY rowid", f"sqlite:///{path}", columns=["number"])


def write_json(path, items):
    path.write_text(json.dumps(items))


class Again:
    """Items that are not there before they are asked for, any number of times."""

    def __init__(self, path):
        self.path = path

    def __iter__(self):
        yield from json.loads(Path(self.path).read_text())


def frame(path):
    items = json.loads(Path(path).read_text())
    table = pandas.DataFrame({"number": pandas.Series(items, dtype="int64"), "label": "label"})
    return as_source(table, columns=["number"])


def write_json_lines(path, items):
    path.write_text("".join(f"{json.dumps(item)}\n" for item in items))


def record(number):
    """An object with an optional key."""
    optional = {"country": "AT"} if number % 3 else {}
    return {"amount": number, "tags": [str(number), "é"], **optional}


def twice_the_amount(found):
    return 2 * found["amount"]


def twice_the_amounts(frame):
    return 2 * frame["amount"]


def write_files(path, items):
    path.mkdir()
    for number, item in enumerate(items):
        (path / f"{number:05}.txt").write_text(item)


def contents(handle):
    """A text stands for a file that holds it."""
    return handle if isinstance(handle, str) else handle.read_text()


SOURCES = {
    "integers": SourceCase(write_lines, int, IntegerLines, square, square_batch),
    "folders": SourceCase(write_folder, int, IntegerLines, square, square_batch),
    "sample": SourceCase(write_more_lines, int, head_of_lines, square, square_batch),
    "spread sample": SourceCase(write_rows, row, all_rows, as_text, texts_of_frame),
    "csv": SourceCase(write_csv, csv_row, read_csv, noted, all_noted),
    "texts": SourceCase(write_lines, text, TextLines, same, Batch(same)),
    "gzip": SourceCase(
        write_gzip, int, lambda path: IntegerLines(f"{path}.gz"), square, square_batch
    ),
    "zstd": SourceCase(write_zstd, text, lambda path: TextLines(f"{path}.zst"), same, Batch(same)),
    "sql": SourceCase(write_table, int, sql, square, square_batch),
    "list": SourceCase(
        write_json,
        text,
        lambda path: as_source(json.loads(Path(path).read_text())),
        same,
        Batch(same),
    ),
    "iterator": SourceCase(
        write_json, int, lambda path: as_source(Again(path)), square, square_batch
    ),
    "frame": SourceCase(write_json, int, frame, square, square_batch),
    "parquet rows": SourceCase(write_rows, row, Parquet, as_text, texts_of_frame),
    "parquet in Arrow": SourceCase(write_rows, row, Parquet, as_text, texts_of_arrow),
    "parquet column": SourceCase(write_column, int, parquet_column, square, square_batch),
    "JSON lines": SourceCase(
        write_json_lines, record, JsonLines, twice_the_amount, twice_the_amounts
    ),
    "files": SourceCase(write_files, text, Files, contents, Batch(contents)),
}
