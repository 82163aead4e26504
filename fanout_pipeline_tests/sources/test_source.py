"""What the base classes do for a source that says nothing else."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import (
    Chunk,
    Csv,
    Files,
    IntegerLines,
    Items,
    JsonLines,
    Parquet,
    Source,
    Sql,
    TextLines,
    Unreadable,
    Version,
)
from fanout_pipeline_tests.sources.reading import read

BAD = Unreadable("'?'", "has no name", "Give it one.")


@dataclass(frozen=True, slots=True)
class Rows(Source):
    """Rows that are there already: one unit each."""

    rows: tuple[object, ...]

    def version(self) -> Version:
        return Version(str(hash(self.rows)), len(self.rows))

    def read(self, chunk: Chunk) -> Items:
        return Items(chunk, self.rows[chunk.start : chunk.stop])


@given(size=st.integers(0, 50), wanted=st.integers(1, 60))
def test_chunks_cover_the_source(size, wanted):
    """They are numbered ranges without gap or overlap, none of them empty unless the source is."""
    source = Rows(tuple(range(size)))
    chunks = source.chunks(wanted)
    assert len(chunks) == max(1, min(wanted, size))
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks[:-1])]
    assert max(chunk.size for chunk in chunks) - min(chunk.size for chunk in chunks) <= 1
    assert read(source, wanted) == list(range(size))


def test_an_item_is_a_unit():
    """Indexes and what is left follow from the range."""
    items = Rows(tuple("abcdef")).read(Chunk(3, 2, 6))
    assert (len(items), items.first_index, items[1]) == (4, 2, "d")
    assert items.rest(1) == Chunk(3, 3, 6)
    assert Rows(()).locate(4).startswith("item 4 of Rows(rows=()")


def test_records_that_cannot_be_read():
    """They count as items; batches leave them out, and columns have nulls in their rows."""
    items = Rows(({"a": 1, "b": "x"}, BAD, {"a": 2, "b": "y"})).read(Chunk(0, 0, 3))
    assert items.unreadable == {1: BAD}
    assert str(BAD.at("row 2 of x")) == "row 2 of x has no name: '?'. Give it one."
    assert items.as_batch().to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert items.as_arrow().to_pydict() == {"a": [1, None, 2], "b": ["x", None, "y"]}
    assert items.as_arrow(["b"]).to_pydict() == {"b": ["x", None, "y"]}


def test_columns_of_items_of_which_some_are_no_dicts():
    """These have no columns: nulls are in their rows, whatever they are."""
    items = Rows(({"a": 1}, 7, None, "a", [("a", 2)], {"a": 3, "b": ""})).read(Chunk(0, 0, 6))
    nulls = [None] * 4
    assert items.as_arrow().to_pydict() == {"a": [1, *nulls, 3], "b": [None, *nulls, ""]}
    assert items.as_arrow(["b"]).to_pydict() == {"b": [None, *nulls, ""]}


def test_batches_of_dicts_keep_their_values():
    """In a DataFrame integers beside None stay integers, and what is missing is missing."""
    rows = ({"a": 2**62 + 1, "b": 1}, {"a": None, "b": 2}, {"b": 3, "c": 1})
    frame = Rows(rows).read(Chunk(0, 0, 3)).as_batch()
    assert frame["a"].tolist()[:2] == [2**62 + 1, pandas.NA]
    assert frame["a"].isna().tolist() == [False, True, True]
    assert frame["b"].dtype == "int64"
    assert Rows((rows[0], 1)).read(Chunk(0, 0, 2)).as_batch().tolist() == [rows[0], 1]


def test_a_version_stands_for_its_content():
    """By its hash where it has one, otherwise by its token."""
    assert Version("token", 5).identity == "token"
    assert Version("token", 5, "hash").identity == "hash"
    source = Rows((1, 2))
    assert source.examine() == source.version()
    assert source.examined(source.examine()) == source


WRONG = {
    "no path": (lambda: TextLines(None), "path is the name of a file"),
    "bytes": (lambda: Files(b"inbox"), "path is the name of a file"),
    "empty": (lambda: Csv(""), "path must name a file"),
    "a URL": (lambda: Parquet("s3://b/a.parquet"), "Parquet reads files that are on a disk here"),
    "recursive": (lambda: Files("a", recursive="yes"), "recursive is True or False"),
    "a column": (lambda: Parquet("a", columns="x"), r"write columns=\('x',\)"),
    "columns": (lambda: Csv("a", columns=[1]), "columns must be names"),
    "columns, twice": (lambda: Csv("a", columns=["x", "x"]), "columns names one column or more"),
    "columns, none": (lambda: Sql("SELECT 1", "env:URL", []), "columns names one column or more"),
    "header": (lambda: Csv("a", header="x"), r"write header=\('x',\)"),
    "types": (lambda: Csv("a", types={"x": "float"}), r"types\['x'\] is a function .* not 'float'"),
    "types, a list": (lambda: Csv("a", types=[int]), "types maps names of columns to functions"),
    "delimiter": (lambda: Csv("a", delimiter=1), "delimiter is text, not 1"),
    "encoding": (lambda: Csv("a", encoding="utf9"), "encoding 'utf9' is none that Python knows"),
    "query": (lambda: Sql(" ", "env:URL"), "query is one statement in SQL"),
    "connection": (lambda: Sql("SELECT 1", {"password": "s3cret"}), "not of type dict$"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_when_a_source_is_made(wrong):
    """By the field, with what to write: long before a run."""
    make, message = WRONG[wrong]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize("kind", [TextLines, JsonLines, IntegerLines, Csv, Files, Parquet])
def test_a_path_may_be_a_path(kind):
    """As text or as a `pathlib.Path`: the source is the same."""
    assert kind(Path("a") / "b") == kind("a/b")
    assert pickle.loads(pickle.dumps(kind("a/b").under(Path("/data")))) == kind("/data/a/b")


def test_what_a_source_cannot_do_is_refused(tmp_path):
    """With the method that would do it."""
    with pytest.raises(TypeError, match=r"Rows has no path .* give the class a method `at\("):
        Rows(()).at("2026-11-28")
    with pytest.raises(TypeError, match=r"Give it a method `head\("):
        Rows(()).head(3, tmp_path / "head")
    assert Rows(()).under(tmp_path) == Rows(())
