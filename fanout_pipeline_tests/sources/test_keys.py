"""What identifies an item across runs is the same text wherever the item lies."""

import os
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import numpy
import pandas
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import BadInput, Csv, Files, IntegerLines, JsonLines, Parquet
from fanout_pipeline.sources.keys import NoKey, text_of
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.sample import Sample
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline.sources.spool.settled import settled
from fanout_pipeline_tests.contract.sources import SOURCES

COUNT = 120
KEYS = {
    "csv": ["number", "unused", "note"],
    "sql": ["number", "label", "item"],
    "frame": ["number", "item"],
    "parquet rows": ["text"],
    "parquet in Arrow": ["text"],
    "parquet column": ["item", "number"],
    "spread sample": ["text"],
    "JSON lines": ["amount"],
    "files": ["path", "name", "size", "modified"],
}
"""Beside a function's; of all others the item itself."""


def keys(source, key, chunks=1):
    """Those of all items."""
    source = source.examined(source.examine())
    parts = [source.read(one).keys(key) for one in source.chunks(chunks)]
    assert {part.type for part in parts} == {pyarrow.large_string()}
    return [one for part in parts for one in part.to_pylist()]


def read(items):
    source = as_source(items)
    return source.read(Chunk(0, 0, source.version().size))


@pytest.mark.parametrize("name", SOURCES)
def test_keys_are_the_same_however_a_source_is_cut(tmp_path, name):
    """A key is that of the item, for columns that are not passed to the function, too."""
    source, _ = SOURCES[name].made(tmp_path / "input", COUNT)
    with settled(source, tmp_path / "spool") as source:
        for key in (*KEYS.get(name, ["item"]), str):
            whole = keys(source, key)
            assert None not in whole
            for chunks in (2, 31):
                assert keys(source, key, chunks) == whole


def test_keys_are_those_of_the_items(tmp_path):
    """The column of a row, in order; the item itself where it has no columns."""
    case = SOURCES["csv"]
    source, _ = case.made(tmp_path / "a.csv", COUNT)
    rows = [case.item(number * 7919 % 10_007) for number in range(COUNT)]
    assert keys(source, "number", 7) == [str(row["number"]) for row in rows]
    assert keys(source, "unused", 7) == [""] * COUNT
    assert keys(Csv(source.path, ["note"]), "item", 7) == [row["note"] for row in rows]
    assert keys(source, lambda row: (row["number"], "a"), 7)[0] == f'["{rows[0]["number"]}", "a"]'


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a", "a"),
        ("", ""),
        (5, "5"),
        (-(2**70), "-1180591620717411303424"),
        (True, "True"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (1.0, "1.0"),
        (Decimal("1.50"), "1.50"),
        (b"\x00\xff", "00ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (numpy.int64(5), "5"),
        (numpy.float64(1), "1.0"),
        (numpy.bool(True), "True"),
        (pandas.Timestamp("2026-01-02 03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        (("a", 5, ("b",)), '["a", "5", ["b"]]'),
        ((), "[]"),
    ],
)
def test_a_key_as_text(key, text):
    """A key looks as it is usually written."""
    assert text_of(key) == text
    assert read([key]).keys("item").to_pylist() == [text]
    assert read([{"id": key}]).keys("id").to_pylist() == [text]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3) | st.dates() | st.booleans())
)
def test_a_column_of_arrow_has_the_keys_of_a_list(values):
    """Which library holds a table makes no difference to its keys."""
    for kind in {*map(type, values)}:
        column = [one for one in values if type(one) is kind]
        table = as_source(pyarrow.table({"id": column, "other": column}), ["other"], keep=["id"])
        found = table.read(Chunk(0, 0, len(column))).keys("id").to_pylist()
        assert found == read(column).keys("item").to_pylist() == list(map(text_of, column))


NESTED = st.recursive(
    st.text(alphabet='ab",[]\\ ', max_size=3),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
).filter(lambda key: isinstance(key, tuple))


@given(NESTED, NESTED)
def test_two_tuples_are_two_keys(one, other):
    """Parts of a key are told apart whatever characters they have."""
    assert (text_of(one) == text_of(other)) == (one == other)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (None, "'id' is missing"),
        (float("nan"), "'id' is nan"),
        (Decimal("NaN"), "'id' is NaN"),
        (pandas.NaT, "'id' is NaT"),
        ((1, None), "'id' is missing"),
        ([1], "'id' is of type list"),
        (object(), "'id' is of type object"),
        ("\ud800", r"'id' is no Unicode text: '\ud800'"),
    ],
)
def test_an_item_without_a_key_is_named(odd, reason):
    """Which item has none, and why, is known, so that the message can say where it is."""
    for rows in ([{"id": 1}, {"id": odd}], [{"id": "a"}, {"id": odd}]):
        with pytest.raises(NoKey) as caught:
            read(rows).keys("id")
        assert (caught.value.position, caught.value.reason) == (1, f"has no key: {reason}")
        assert str(caught.value.at("row 2 of x")).startswith(
            f"row 2 of x has no key: {reason}. A key is"
        )


def test_a_null_is_no_key_in_any_source(tmp_path):
    """Of several parts of a sample, too, the position is that among all items."""
    case = SOURCES["spread sample"]
    source, _ = case.made(tmp_path / "rows", COUNT)
    missing = [case.item(number * 7919 % 10_007)["number"] for number in range(COUNT)].index(None)
    path = str(tmp_path / "rows")
    for one in (
        source,
        Parquet(path),
        Parquet(path, ["text"]),
        Sample(Parquet(path), 90, "spread"),
    ):
        with pytest.raises(NoKey) as caught:
            keys(one, "number")
        assert caught.value.position == missing
    table = parquet.read_table(path)
    floats = table.set_column(0, "number", table["number"].cast(pyarrow.float64()))
    with pytest.raises(NoKey, match="'number' is missing"):
        as_source(floats).read(Chunk(0, 0, COUNT)).keys("number")


def test_an_error_of_a_function_is_named():
    """A key function that raises says for which item."""
    with pytest.raises(NoKey, match=r"position 1 has no key: .*raised KeyError: 'id'") as caught:
        read([{"id": 1}, {}]).keys(lambda row: row["id"])
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(NoKey, match="position 0 has no key: 'id' is missing"):
        read([1]).keys("id")
    with pytest.raises(TypeError, match="name of a column or a function"):
        read([1]).keys(5)


def test_what_cannot_be_read_has_no_key(tmp_path):
    """It is no error of the key's, and no function is called with it."""
    (tmp_path / "a.txt").write_text("1\nx\n3\n")
    (tmp_path / "a.jsonl").write_text('{"id": 1}\nx\n{"id": 3}\n')
    (tmp_path / "a.csv").write_text("id,other\n1,2\n2,3,4\n3,4\n")
    assert keys(IntegerLines(str(tmp_path / "a.txt")), "item") == ["1", None, "3"]
    assert keys(IntegerLines(str(tmp_path / "a.txt")), lambda one: one + 1) == ["2", None, "4"]
    assert keys(JsonLines(str(tmp_path / "a.jsonl")), "id") == ["1", None, "3"]
    for columns in (None, ["id"], ["other"]):
        assert keys(Csv(str(tmp_path / "a.csv"), columns), "id") == ["1", None, "3"]
    assert keys(Csv(str(tmp_path / "a.csv"), ["id"]), "item") == ["1", None, "3"]


def test_a_column_named_item_comes_before_the_item(tmp_path):
    """`item` is the column where there is one, passed or not."""
    parquet.write_table(pyarrow.table({"item": [1, 2], "other": [3, 4]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("item,other\n1,3\n2,4\n")
    rows = [{"item": 1, "other": 3}, {"item": 2, "other": 4}]
    for source in (Parquet(str(tmp_path / "a.parquet"), ["other"]), Csv(str(tmp_path / "a.csv"))):
        assert keys(source, "item") == ["1", "2"]
    for items in (rows, pyarrow.Table.from_pylist(rows)):
        assert read(items).keys("item").to_pylist() == ["1", "2"]


def test_a_missing_column_is_named(tmp_path):
    """A key that no row can have is an error that says so."""
    parquet.write_table(pyarrow.table({"amount": [1]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match=r"'amuont'.*'amount'"):
        keys(Parquet(str(tmp_path / "a.parquet")), "amuont")
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(BadInput, match=r"'amuont'.*'amount'"):
        read(pyarrow.table({"amount": [1]})).keys("amuont")
    with pytest.raises(BadInput, match="Files have no column 'item', but path"):
        keys(Files(str(tmp_path / "a.txt")), "item")


@pytest.mark.parametrize(
    ("path", "recursive", "expected"),
    [
        ("in", False, ["a.txt", "b[1].txt"]),
        ("in/", False, ["a.txt", "b[1].txt"]),
        ("in", True, ["a.txt", "b[1].txt", "deep/c.txt"]),
        ("in/*.txt", False, ["a.txt", "b[1].txt"]),
        ("i*/a.txt", False, ["in/a.txt"]),
        ("in//./**/*.txt", True, ["a.txt", "b[1].txt", "deep/c.txt"]),
        ("in/a.txt", False, ["a.txt"]),
    ],
)
def test_the_key_of_a_file_does_not_tell_where_the_data_is(
    tmp_path, monkeypatch, path, recursive, expected
):
    """Whoever moves the data root, or reads by another way, has the same keys."""
    for root in ("one", "other/place"):
        for name in ("a.txt", "b[1].txt", "deep/c.txt"):
            file = tmp_path / root / "in" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        assert keys(Files(path, recursive).under(tmp_path / root), "path") == expected
        if "/./" not in path:
            assert keys(Files(f"file://{tmp_path}/{root}/{path}", recursive), "path") == expected
    monkeypatch.chdir(tmp_path / "one")
    assert keys(Files(path, recursive), "path") == expected


def test_odd_names_of_files_are_keys(tmp_path):
    """A link to nothing has none; bytes that are no UTF-8 are shown as messages show them."""
    (tmp_path / "a").symlink_to("nowhere")
    with open(os.fsencode(tmp_path) + b"/b\xff", "wb"):
        pass
    assert keys(Files(str(tmp_path)), "path") == [None, r"'b\udcff'"]
    assert keys(Files(str(tmp_path)), "name") == [None, r"'b\udcff'"]
    assert keys(Files(str(tmp_path)), lambda handle: handle.size) == [None, "0"]
