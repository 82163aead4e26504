"""Several Parquet files are one input: where they agree, what their folders say, what of them can be read as one."""

import datetime

import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import BadInput, Parquet
from fanout_pipeline_tests.sources.reading import read


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)


def test_folders_like_hives_are_columns_of_text(tmp_path):
    """What a folder is named for is exactly what is there: `001` is no 1, and an escaped slash is a slash."""
    for number, value in enumerate(("001", "1", "a%2Fb", "__HIVE_DEFAULT_PARTITION__")):
        write(tmp_path / f"code={value}/day=2026-01-01/{number}.parquet", n=[number, number])
    write(tmp_path / "_temporary/code=9/0.parquet", x=[1])
    expected = [(n, code) for n, code in enumerate(("001", "1", "a/b", None)) for _ in range(2)]
    day = {"day": "2026-01-01"}
    by_name = sorted(expected, key=lambda pair: (pair[1] is None and "__") or str(pair[1]))
    assert read(Parquet(str(tmp_path)), 3) == [{"n": n, "code": code} | day for n, code in by_name]
    assert read(Parquet(str(tmp_path), columns=["code"])) == [code for _, code in by_name]
    table = Parquet(str(tmp_path)).read(Parquet(str(tmp_path)).chunks(1)[0]).as_arrow(["code"])
    assert table.schema == pyarrow.schema({"code": pyarrow.string()})


def test_folders_are_columns_below_the_one_that_is_named(tmp_path, monkeypatch):
    """Below the folder, or the part of a glob without wildcards: not what the data root is called."""
    root = tmp_path / "env=prod"
    write(root / "country=de/day=1/a.parquet", n=[1])
    monkeypatch.chdir(root)
    for path, columns in (
        (".", ["n", "country", "day"]),
        ("country=de", ["n", "day"]),
        ("country=*/day=1", ["n", "country", "day"]),
        ("country=de/*/*.parquet", ["n", "day"]),
        ("country=de/day=1/a.parquet", ["n"]),
    ):
        assert list(read(Parquet(path))[0]) == columns
        assert list(read(Parquet(path).under(root))[0]) == columns


def test_a_column_that_the_files_have_is_theirs(tmp_path):
    """Some writers repeat in the file what the folder says, with its type."""
    write(tmp_path / "n=007/a.parquet", n=[7])
    assert read(Parquet(str(tmp_path))) == [{"n": 7}]


def test_folders_named_for_different_columns_are_refused(tmp_path):
    """A file that lies elsewhere than the others has no value for their column."""
    write(tmp_path / "country=de/a.parquet", n=[1])
    write(tmp_path / "z.parquet", n=[1])
    with pytest.raises(
        BadInput, match=r"z\.parquet and .*country=de/a\.parquet lie in folders that"
    ):
        Parquet(str(tmp_path)).version()


INT32 = pyarrow.array([1, None], pyarrow.int32())
BOTH = [
    (INT32, pyarrow.array([2**62], pyarrow.int64()), pyarrow.int64()),
    (INT32.cast("uint32"), pyarrow.array([2**63], pyarrow.uint64()), pyarrow.uint64()),
    (pyarrow.nulls(1), INT32, pyarrow.int32()),
    (INT32, pyarrow.nulls(1), pyarrow.int32()),
    (pyarrow.nulls(1), pyarrow.nulls(1), pyarrow.null()),
    (pyarrow.array([0.1], pyarrow.float32()), pyarrow.array([0.1]), pyarrow.float64()),
    (pyarrow.array(["a"]), pyarrow.array(["b"], pyarrow.large_string()), pyarrow.large_string()),
    (pyarrow.array(["a"]).dictionary_encode(), pyarrow.array(["b", None]), pyarrow.string()),
    (pyarrow.array([b"a"]), pyarrow.array([b"b"], pyarrow.large_binary()), pyarrow.large_binary()),
    (pyarrow.array([[1]]), pyarrow.array([[1, 2]]), pyarrow.list_(pyarrow.int64())),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "both"), BOTH)
def test_types_that_hold_the_same_values_are_one(tmp_path, one, other, both):
    """Files may differ where every value stays what it is: wider numbers, nothing but nulls, kinds of text."""
    write(tmp_path / "a.parquet", n=one, m=[0] * len(one))
    write(tmp_path / "b.parquet", m=[0] * len(other), n=other)
    source = Parquet(str(tmp_path), columns=["n"])
    assert repr(read(source, 2)) == repr(one.to_pylist() + other.to_pylist())
    assert source.read(source.chunks(1)[0]).as_arrow().schema.field("n").type == both


MICROSECONDS = pyarrow.array([datetime.datetime(2026, 1, 1)], pyarrow.timestamp("us"))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pyarrow.array([1]), pyarrow.array(["1"])),
        (pyarrow.array([1]), pyarrow.array([1.0])),
        (pyarrow.array([1]), pyarrow.array([1], pyarrow.uint64())),
        (MICROSECONDS, MICROSECONDS.cast(pyarrow.timestamp("ms"))),
        (MICROSECONDS, MICROSECONDS.cast(pyarrow.timestamp("us", "UTC"))),
        (pyarrow.array([{"a": 1}]), pyarrow.array([{"a": "1"}])),
    ],
)
def test_types_that_differ_are_told(tmp_path, one, other):
    """Which file, which column and how; columns in which the files agree can still be read."""
    write(tmp_path / "a.parquet", amount=one, m=[1])
    write(tmp_path / "b.parquet", amount=other, m=[2])
    source = Parquet(str(tmp_path))
    message = (
        f"The column 'amount' is {other.type} in {tmp_path}/b.parquet, and {one.type} in "
        f"{tmp_path}/a.parquet. Files of one input must agree: write them with one schema"
    )
    for reading in (source.version, source.examine, lambda: read(source)):
        with pytest.raises(BadInput) as caught:
            reading()
        assert message in str(caught.value)
    assert read(Parquet(str(tmp_path), columns=["m"])) == [1, 2]


def test_a_column_that_one_file_lacks_is_told(tmp_path):
    """Whether all columns are asked for or this one."""
    write(tmp_path / "a.parquet", amount=[1], m=[1])
    write(tmp_path / "b.parquet", m=[2])
    for columns in (None, ["amount"]):
        with pytest.raises(BadInput) as caught:
            Parquet(str(tmp_path), columns=columns).version()
        assert (
            f"{tmp_path}/b.parquet has no column 'amount', which {tmp_path}/a.parquet has. "
            in str(caught.value)
        )


def test_a_missing_column_is_told_with_the_nearest_names(tmp_path):
    """Asked for as a column of items, or to be kept beside the results."""
    path = tmp_path / "a.parquet"
    write(path, amount=[1], country=["de"])
    with pytest.raises(BadInput, match=r"no column 'amont'\. Did you mean 'amount'\?"):
        Parquet(str(path), columns=["amont"]).version()
    source = Parquet(str(path), columns=["amount"])
    source.require_columns(["country"])
    with pytest.raises(BadInput, match=r"no column 'Land'\. It has 'amount', 'country'\."):
        source.require_columns(["country", "Land"])


def test_two_columns_of_one_name_are_refused(tmp_path):
    """A dict has room for one."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table([[1], [2], [3]], ["a", "a", "b"]), path)
    with pytest.raises(BadInput, match="has several columns 'a'"):
        Parquet(str(path)).version()
    assert read(Parquet(str(path), columns=["b"])) == [3]


@pytest.mark.parametrize("columns", ["amount", (), ("a", "a")])
def test_columns_that_cannot_be_meant(columns):
    """A text in the place of a tuple of names, no name, one name twice."""
    with pytest.raises((TypeError, ValueError), match="columns"):
        Parquet("a.parquet", columns=columns)


def test_a_row_is_found_in_its_file(tmp_path):
    """A person finds it by the number that it has there, from 1; files without rows are none's."""
    for number, rows in enumerate((3, 0, 2)):
        schema = pyarrow.schema({"n": pyarrow.int64()})
        table = pyarrow.table([list(range(rows))], schema=schema)
        parquet.write_table(table, tmp_path / f"{number}.parquet", row_group_size=2)
    source = Parquet(str(tmp_path))
    assert [source.locate(index) for index in range(5)] == [
        *(f"row {row} of {tmp_path}/0.parquet" for row in (1, 2, 3)),
        *(f"row {row} of {tmp_path}/2.parquet" for row in (1, 2)),
    ]
    assert read(source, 5) == [{"n": n} for n in (0, 1, 2, 0, 1)]


def test_folders_of_a_column_that_begins_with_an_underscore_are_read(tmp_path):
    """As Spark reads them; what else begins so is left out."""
    for folder, n in (("_key=1", 1), ("_key=2", 2), ("_temporary", 3)):
        (tmp_path / folder).mkdir()
        parquet.write_table(pyarrow.table({"n": [n]}), tmp_path / folder / "a.parquet")
    assert read(Parquet(str(tmp_path))) == [{"n": 1, "_key": "1"}, {"n": 2, "_key": "2"}]
