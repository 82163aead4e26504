"""What a function is given has a hash by which a run with a key finds what has changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import BadInput, Files, IntegerLines, JsonLines, Parquet, TextLines
from fanout_pipeline.sources.contents import value_hashes
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.source import BadItem, Chunk
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline_tests.contract.sources import SOURCES

COUNT = 120
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, "1", b"1", "", "\ud800"])
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=5,
)
ODD = """
import datetime, decimal, enum, fractions, pathlib, uuid, zoneinfo
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
import numpy

@dataclass
class Order:
    number: int
    tags: object

class Kind(enum.Enum):
    NEW = "new"

Point = namedtuple("Point", "x y")
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
ITEMS = [
    {"a", "b", "c", 1, None}, frozenset("xyz"), {WHEN.date(), WHEN}, Order(1, {"a", "b"}), Order(1, ["a"]),
    WHEN, WHEN.date(), WHEN.time(), WHEN - WHEN, WHEN.replace(tzinfo=datetime.UTC), WHEN.replace(fold=1),
    WHEN.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Vienna")), WHEN.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
    decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1), uuid.UUID(int=1), complex(1),
    numpy.int64(1), numpy.float64(1), numpy.int32(1), numpy.arange(3), numpy.arange(3.0),
    numpy.arange(6).reshape(2, 3), numpy.arange(6).reshape(3, 2), numpy.datetime64("2026-01-01"),
    numpy.array([None, "a"], dtype=object),
    bytearray(b"a"), b"a", Kind.NEW, "new", Kind, Point(1, 2), (1, 2), OrderedDict(a=1), {"a": 1}, len, ...,
    pathlib.PurePosixPath("a/b"), "a/b", range(3), {(1, 2): 3}, {WHEN: 1}, {"when": WHEN}, {"when": [WHEN]},
    [[1, 2], 3], [1, [2, 3]], [1, 2, 3], (1, (2, 3)), {"a": {"b": 1}}, {"a": None}, {"b": None}, {},
]
"""
IN_A_PROCESS = (
    ODD
    + """
from fanout_pipeline.sources.contents import value_hashes
print(*value_hashes(ITEMS))
"""
)


def contents(source, chunks=1):
    """Those of all items."""
    source = source.examined(source.examine())
    return numpy.concatenate([source.read(one).contents() for one in source.chunks(chunks)])


@pytest.mark.parametrize("name", SOURCES)
def test_contents_are_the_same_however_a_source_is_cut(tmp_path, name):
    """An item is not called again because it has moved to another chunk, or another row group."""
    source, _ = SOURCES[name].made(tmp_path / "input", COUNT)
    with settled(source, tmp_path / "spool") as source:
        whole = contents(source)
        assert whole.dtype == numpy.uint64
        for chunks in (2, 7, 31):
            assert contents(source, chunks).tolist() == whole.tolist()


@pytest.mark.parametrize("name", [name for name in SOURCES if "sample" not in name])
def test_items_that_differ_have_other_contents(tmp_path, name):
    """A changed item is called again: each different item has a content of its own, and equal ones the same."""
    case = SOURCES[name]
    source, _ = case.made(tmp_path / "input", COUNT)
    items = [repr(case.item(number * 7919 % 10_007)) for number in range(COUNT)]
    with settled(source, tmp_path / "spool") as source:
        found = contents(source).tolist()
    assert len({*zip(items, found, strict=True)}) == len({*items}) == len({*found})


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_python_values_have_the_same_hash_where_they_look_the_same(values):
    """1, 1.0, True and "1" are four contents, -0.0 is not 0.0, and no neighbour in the chunk matters."""
    found = value_hashes(values).tolist()
    assert found == [int(value_hashes([one])[0]) for one in values]
    shown = [repr(one) for one in values]
    assert len({*zip(shown, found, strict=True)}) == len({*shown}) == len({*found})


def test_any_process_finds_the_same():
    """A content does not depend on Python's hash seed, for sets, dataclasses, arrays and times alike."""
    found = [
        subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    names = {"__name__": "__main__"}
    exec(ODD, names)
    assert found[0] == found[1]
    assert len({*found[0]}) == len(found[0]) == len(names["ITEMS"])


def test_arrays_are_compared_by_what_is_in_them():
    """An array has the content of its copy, however that lies in memory."""
    array = numpy.arange(12).reshape(3, 4)
    same = [array, numpy.asfortranarray(array), numpy.arange(24)[::2].reshape(3, 4) // 2]
    assert len({*value_hashes(same).tolist()}) == 1


def test_what_cannot_be_compared_is_an_error_that_says_which():
    """A run with a key does not take an object for unchanged that it cannot look into."""
    source = as_source([1, 2, open])
    contents(source)
    holds_itself = []
    holds_itself.append(holds_itself)
    for odd in ((n for n in range(3)), holds_itself):
        with pytest.raises(BadItem, match="cannot be compared") as caught:
            as_source([1, 2, odd]).read(Chunk(0, 0, 3)).contents()
        assert caught.value.position == 2
        assert str(caught.value.at("item 3 of x")).startswith("item 3 of x cannot be compared")


def test_a_missing_key_is_not_null(tmp_path):
    """A record that has lost a key has changed, and so has one whose keys are in another order."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": null}\n{"a": 1}\n{"b": null, "a": 1}\n{"a":1,"b":null }\n')
    first, *others = contents(JsonLines(str(path))).tolist()
    assert [one == first for one in others] == [False, False, True]


def test_an_unreadable_item_has_the_content_of_its_text(tmp_path):
    """A record that cannot be read is the same as long as its text is, and is no text."""
    path = tmp_path / "a.txt"
    path.write_text("1\nx\nx\ny\n'x'\n")
    _, *found = contents(IntegerLines(str(path)), 3).tolist()
    assert found[0] == found[1]
    assert len({*found, *contents(TextLines(str(path)))}) == 3 + 4


def test_files_are_compared_by_their_bytes(tmp_path):
    """A file that was touched or written anew is unchanged, one with another byte is not."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("same")
    (tmp_path / "d").symlink_to("nowhere")
    before = Files(str(tmp_path)).read(Chunk(0, 0, 4))
    were = before.contents()
    os.utime(tmp_path / "a", (1, 1))
    (tmp_path / "b").write_text("some")
    after = Files(str(tmp_path)).read(Chunk(0, 0, 4))
    assert (were == were[0]).tolist() == [True, True, True, False]
    assert (after.contents() == were[0]).tolist() == [True, False, True, False]
    assert (after.stamps() == before.stamps()).tolist() == [False, False, True, True]
    with pytest.raises(BadInput, match=r"/a was written to after the run had listed it"):
        before.contents()


def test_a_file_that_cannot_be_read_is_no_reason_to_end_a_run(tmp_path):
    """It fails when it is called; its content is that of no other file, until it can be read."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("same")
    items = Files(str(tmp_path)).read(Chunk(0, 0, 3))
    (tmp_path / "b").unlink()
    same, gone, other = items.contents().tolist()
    assert same == other != gone


def test_files_elsewhere_are_compared_by_what_their_server_tells(tmp_path):
    """No file behind a URL is read to find out whether it has changed."""
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    source = Files(f"file://{tmp_path}")
    items = source.read(Chunk(0, 0, 2))
    assert items.contents().tolist() == items.stamps().tolist()
    assert len({*items.stamps()}) == 2
    (tmp_path / "b").unlink()
    assert items.contents().tolist() == items.stamps().tolist()


def test_only_files_have_stamps(tmp_path):
    """Of what has none the content has to be read."""
    assert as_source([1, 2]).read(Chunk(0, 0, 2)).stamps() is None
    Path(tmp_path / "a").write_text("1\n")
    assert TextLines(str(tmp_path / "a")).read(Chunk(0, 0, 2)).stamps() is None


def test_rows_of_no_columns_that_are_asked_for_do_not_count(tmp_path):
    """A column that the function is not given may change as it likes; its own name may not."""
    import pyarrow
    from pyarrow import parquet

    found = []
    for other in ("x", "y"):
        table = pyarrow.table({"a": [1, 2], "b": [1, 2], "other": [other] * 2})
        path = tmp_path / f"{other}.parquet"
        parquet.write_table(table, path)
        columns = (["a"], ["b"], ["a", "b"], ["b", "a"], None)
        found += [contents(Parquet(str(path), one)).tolist() for one in columns]
    assert found[:4] == found[5:9]
    assert found[0] == found[1]
    assert len({*map(tuple, found)}) == 5
