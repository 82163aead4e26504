"""A sample has about so many items, from where it says, and the rest of the input is not read."""

import gzip
import pickle
import random
import sqlite3
from contextlib import closing
from itertools import pairwise

import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import (
    BadInput,
    Chunk,
    Csv,
    Files,
    IntegerLines,
    JsonLines,
    Parquet,
    Sql,
    TextLines,
    fan_out,
)
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.sample import Sample
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.sources.reading import read


def cut_anywhere(sample, seed):
    """Its items, read in ranges that are cut at random, by what travels to the workers."""
    sample = pickle.loads(pickle.dumps(sample.examined(sample.examine())))
    size = sample.version().size
    edges = sorted({0, size, *(random.Random(seed).randrange(size + 1) for _ in range(5))})
    found = []
    for start, stop in pairwise(edges):
        items = sample.read(Chunk(0, start, stop))
        assert items.first_index == len(found)
        assert len(items) == len(items.values) == len(list(items))
        assert [one for piece in items.pieces() for one in piece] == list(items)
        for position in range(min(3, len(items))):
            rest = items.rest(position)
            assert list(sample.read(rest)) == list(items)[position:]
        found += items
    assert sample.examine().items == len(found)
    return found


@settings(max_examples=examples(40))
@given(
    lines=st.lists(st.text("ab\u00fc", max_size=12), max_size=120),
    items=st.integers(1, 150),
    files=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_lines_are_cut_from_the_beginning_or_from_everywhere(
    tmp_path_factory, lines, items, files, seed
):
    """The head is exactly the first items; spread ones keep their order, and are as many."""
    folder = tmp_path_factory.mktemp("lines")
    for number in range(files):
        part = lines[number::files] if files == 1 else lines[number * 40 : (number + 1) * 40]
        (folder / f"{number}.txt").write_text("".join(f"{line}\n" for line in part))
    source = TextLines(str(folder))
    whole = read(source)
    assert cut_anywhere(Sample(source, items), seed) == whole[:items]
    numbered = TextLines(str(folder))
    spread = cut_anywhere(Sample(numbered, items, "spread"), seed)
    assert len(spread) <= items
    if items >= len(whole):
        assert spread == whole
    at = iter(whole)
    assert all(one in at for one in spread)  # a subsequence


def write_rows(path, count):
    table = pyarrow.table({"n": range(count), "text": [str(n) for n in range(count)]})
    parquet.write_table(table, path, row_group_size=100)


@pytest.mark.parametrize("how", ["head", "spread"])
def test_rows_are_cut_from_the_beginning_or_from_everywhere(tmp_path, how):
    """Of a table with a filter, too; what is spread reaches from the first tenth to the last."""
    write_rows(tmp_path / "rows.parquet", 5_000)
    for given_filter, step in ((None, 1), ([("n", "in", range(0, 5_000, 7))], 7)):
        source = Parquet(str(tmp_path / "rows.parquet"), columns=["n"], filter=given_filter)
        found = cut_anywhere(Sample(source, 320, how), 1)
        assert len(found) == 320
        if how == "head":
            assert found == list(range(0, 320 * step, step))
        else:
            assert found == sorted(set(found))
            assert found[0] < 500
            assert found[-1] > 4_500
            assert max(b - a for a, b in pairwise(found)) < 500


def test_csv_files_and_documents(tmp_path):
    """Whatever the unit is."""
    (tmp_path / "a.csv").write_text('n,t\n1,"x\ny"\n2,z\n3,\n' + "4,q\n" * 200)
    assert cut_anywhere(Sample(Csv(str(tmp_path / "a.csv"), columns=["n"]), 3), 2) == [*"123"]
    many = cut_anywhere(Sample(Csv(str(tmp_path / "a.csv"), columns=["n"]), 60, "spread"), 2)
    assert (many[0], many[-1], len(many)) == ("1", "4", 60)
    (tmp_path / "a.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(300)))
    documents = Sample(JsonLines(str(tmp_path / "a.jsonl")), 50, "spread")
    assert len(cut_anywhere(documents, 3)) == 50
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(100):
        (inbox / f"{number:03}.txt").write_text(str(number))
    names = [one.name for one in cut_anywhere(Sample(Files(str(inbox)), 40, "spread"), 4)]
    assert (len(names), names[0]) == (40, "000.txt")
    assert names == sorted(set(names))


def test_batches_and_columns_of_a_spread_sample(tmp_path):
    """From several places of the source they are one, in order."""
    write_rows(tmp_path / "rows.parquet", 1_000)
    source = Parquet(str(tmp_path / "rows.parquet"), columns=["n"])
    sample = Sample(source, 64, "spread")
    items = sample.read(Chunk(0, 0, sample.version().size))
    assert items.as_batch().tolist() == list(items)
    assert items.as_arrow(["text"]).to_pydict() == {"text": [str(n) for n in items]}
    assert items.as_arrow().to_pydict() == {"n": list(items)}
    empty = sample.read(Chunk(0, 0, 0))
    assert (len(empty), empty.as_batch().tolist(), empty.as_arrow(["text"]).num_rows) == (0, [], 0)


def test_the_rest_is_not_read(tmp_path):
    """A large file costs what its sample does."""
    write_rows(tmp_path / "rows.parquet", 10_000)
    (tmp_path / "a.txt").write_text("1\n" * 100_000)
    for source in (Parquet(str(tmp_path / "rows.parquet")), IntegerLines(str(tmp_path / "a.txt"))):
        for how in ("head", "spread"):
            total = source.version().size
            seen = []

            base = type(source)

            class Watched(base):
                __slots__ = ()

                def read(self, chunk, seen=seen, base=base):
                    seen.append(chunk.size)
                    return base.read(self, chunk)

            sample = Sample(Watched(source.path), 320, how)
            assert sample.examine().items == 320
            assert sum(seen) < total / 5


def test_places_are_those_of_the_source(tmp_path):
    """Messages name the line or the row of the input, and a record that cannot be read stays one."""
    lines = [str(n) for n in range(1_000)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    sample = Sample(IntegerLines(str(tmp_path / "a.txt")), 64, "spread")
    found = read(sample)
    for index in (0, 1, 40, 63):
        assert sample.locate(index) == f"line {found[index] + 1} of {tmp_path}/a.txt"
    lines[3] = "x"
    (tmp_path / "a.txt").write_text("\n".join(lines))
    head = Sample(IntegerLines(str(tmp_path / "a.txt")), 10)
    assert list(head.read(Chunk(0, 0, head.version().size)).unreadable) == [3]
    with pytest.raises(BadInput, match="line 4 of"):
        fan_out(same, head, strategy="serial")


def test_what_is_spooled_has_a_head_only(tmp_path):
    """A compressed file, a query, a frame: no more is read than is asked for, and nothing is spread over it."""
    with gzip.open(tmp_path / "a.txt.gz", "wt") as file:
        file.writelines(f"{n}\n" for n in range(5_000))
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE t (n INTEGER)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5_000)])
    frame = pandas.DataFrame({"n": range(5_000)})
    query = Sql("SELECT n FROM t ORDER BY n", f"sqlite:///{tmp_path}/a.db", ["n"])
    taken = []

    def numbers():
        for n in range(5_000):
            taken.append(n)
            yield n

    for source in (
        IntegerLines(str(tmp_path / "a.txt.gz")),
        query,
        as_source(frame, ["n"]),
        as_source(numbers()),
    ):
        found = list(fan_out(same, Sample(source, 700), strategy="serial"))
        assert found == list(range(len(found)))
        assert 700 <= len(found) < 1_700
        with pytest.raises(BadInput, match=r'how="head"'):
            fan_out(same, Sample(source, 700, "spread"), strategy="serial")
    assert len(taken) < 5_000


def test_a_sample_says_how_it_was_taken(tmp_path):
    """In messages and in reports."""
    head, spread = Sample(TextLines("a.txt")), Sample(TextLines("a.txt"), 500, "spread")
    assert str(head) == "the first 10,000 items of a.txt"
    assert str(spread) == "500 items spread over a.txt"
    assert "the first 10,000 items of a.txt" in head.sentence
    assert "500 items of a.txt, in 32 runs that are evenly spread over it" in spread.sentence
    assert head.under(tmp_path).path == str(tmp_path / "a.txt")
    by_day = Sample(TextLines("{partition}/a.txt"))
    assert (by_day.placeholders, by_day.at("1").path) == ({"partition"}, "1/a.txt")
    with pytest.raises(TypeError, match=r"what a sample is taken of, not 'a\.txt'"):
        Sample("a.txt")
    for items in (0, -1):
        with pytest.raises(ValueError, match="items must be at least 1"):
            Sample(TextLines("a.txt"), items)
    with pytest.raises(TypeError, match=r"how many items the sample has, not 0\.1"):
        Sample(TextLines("a.txt"), 0.1)
    with pytest.raises(ValueError, match="how is one of head and spread, not 'random'"):
        Sample(TextLines("a.txt"), 5, "random")
