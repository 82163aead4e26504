"""Results of one or several partitions as one table, of all columns or of some."""

import datetime
import re
from decimal import Decimal
from uuid import UUID

import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import NoResults, iter_results, read_results, write_results
from fanout_pipeline.results.forms import FORMS, made
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.table import Table, undisturbed
from fanout_pipeline.results.types.layout import Layout
from fanout_pipeline_tests.results.cuts import write_cut

COUNT = 90
EDGES = (30, 60)
ROWS = [
    {
        "net": number / 4,
        "count": None if number % 7 == 0 else number,
        "name": f"n{number}",
        "money": Decimal(number) / 100,
        "who": UUID(int=number),
        "huge": 2**70 + number,
        "tags": [{"n": number}] * (number % 3),
        "day": datetime.date(2026, 11, 28),
        "yes": number % 2 == 0,
    }
    for number in range(COUNT)
]


def plain(value):
    """A value that pandas gives as Python has it."""
    return None if value is None or value != value else value


every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def folder(tmp_path):
    write_cut(tmp_path / "out", ROWS, EDGES, Layout(unpack=True))
    return tmp_path / "out"


def as_arrow(value):
    """A table in any of the forms as Arrow's."""
    if isinstance(value, pandas.DataFrame):
        texts = {"money": str, "who": str, "huge": str}
        columns = {name: map(texts.get(name, plain), value[name]) for name in value}
        return pyarrow.table({name: list(column) for name, column in columns.items()})
    if isinstance(value, polars.LazyFrame):
        value = value.collect()
    if isinstance(value, polars.DataFrame):
        return value.to_arrow()
    if isinstance(value, pyarrow.RecordBatchReader):
        return value.read_all()
    return value if isinstance(value, pyarrow.Table) else value.to_table()


def of_partitions(root, **results):
    """Tables of several partitions, each with these results."""
    for name, some in results.items():
        unpack = any(isinstance(one, dict) for one in some)
        write_cut(root / name, some, (), Layout(unpack=unpack))
    return {name: root / name for name in results}


@every_form
def test_every_form_has_the_same_rows(folder, form):
    """Whatever type it is asked for as, the table has the same columns, rows and values."""
    table = Table.of(folder)
    found = as_arrow(made(table, form))
    names = ["index", *ROWS[0]]
    assert found.column_names == names
    assert found.to_pylist() == table.to_arrow().to_pylist()
    assert read_results(folder)["huge"].tolist() == [row["huge"] for row in ROWS]


@every_form
@pytest.mark.parametrize("several", [False, True], ids=["one folder", "partitions"])
def test_no_other_columns_are_read(folder, form, several):
    """The columns that are named are given, in that order, though all others are gone from the files."""
    if several:
        chosen = ["net", "partition"]
        table = Table.of({"a": folder}, chosen)
    else:
        chosen = ["net", "index"]
        table = Table.of(folder, chosen)
    for path in folder.glob("part-*.parquet"):
        data = bytearray(path.read_bytes())
        group = parquet.read_metadata(path).row_group(0)
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema not in chosen:
                first, size = column.data_page_offset, column.total_compressed_size
                data[first : first + size] = bytes(size)
        path.write_bytes(data)
    found = as_arrow(made(table, form)).to_pydict()
    assert list(found) == chosen
    assert found["net"] == [row["net"] for row in ROWS]
    assert found[chosen[1]] == (["a"] * COUNT if several else list(range(COUNT)))
    with pytest.raises(NoResults, match=r"part-00000\.parquet is damaged"):
        read_results(folder)


def test_damage_is_found_where_some_columns_are_read(folder):
    """A changed byte in a column that is read is an error, or makes no difference; so is a file that was cut."""
    path = folder / "part-00000.parquet"
    good, expected = path.read_bytes(), read_results(folder, ["name"])
    column = parquet.read_metadata(path).row_group(0).column(3)
    assert column.path_in_schema == "name"
    first = column.data_page_offset
    damaged = 0
    for position in range(first, first + column.total_compressed_size, 5):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        try:
            assert read_results(folder, ["name"]).equals(expected)
        except NoResults as error:
            assert "part-00000.parquet is damaged" in str(error)  # noqa: PT017
            damaged += 1
    assert damaged > 10
    path.write_bytes(good[:-1])
    with pytest.raises(NoResults, match=r"damaged \(its size differs"):
        read_results(folder, ["name"])


def test_columns_of_pandas_are_those_of_the_whole_table(folder):
    """A column has the dtype and the values that it has where all are read."""
    whole = read_results(folder)
    for names in (["huge", "index"], ["tags", "money", "count"], list(whole)):
        pandas.testing.assert_frame_equal(read_results(folder, names), whole[names])
        batches = pandas.concat(iter_results(folder, 7, names), ignore_index=True)
        pandas.testing.assert_frame_equal(batches, whole[names])


def test_a_column_that_is_not_there_is_an_error(folder):
    """It names the nearest and all there are; a text in place of a list is told so."""
    said = "no column 'nett'. Did you mean 'net'? They have 'index', 'net', 'count'"
    with pytest.raises(ValueError, match=re.escape(said)):
        read_results(folder, ["nett"])
    with pytest.raises(TypeError, match=re.escape("write ['net']")):
        read_results(folder, "net")
    with pytest.raises(ValueError, match="names none"):
        read_results(folder, [])


@every_form
def test_partitions_are_one_table(tmp_path, form):
    """One after the other, in the order that was asked for, with the partition's key as text in a column."""
    folders = of_partitions(tmp_path, **{"002": ROWS[:2], "001": ROWS[2:3]})
    found = as_arrow(made(Table.of(folders), form)).to_pydict()
    assert list(found) == ["partition", "index", *ROWS[0]]
    assert found["partition"] == ["002", "002", "001"]
    assert found["index"] == [0, 1, 0]
    assert found["name"] == ["n0", "n1", "n2"]
    one = as_arrow(made(Table.of({"001": folders["001"]}, ["partition"]), form)).to_pydict()
    assert one == {"partition": ["001"]}


@every_form
def test_partitions_whose_columns_differ(tmp_path, form):
    """Nulls are of any type, integers among floats are floats, and a field that one lacks is null there."""
    folders = of_partitions(
        tmp_path,
        a=[{"x": 1, "y": None, "n": {"z": [1]}}],
        b=[{"x": 2.5, "y": "text", "n": {"z": [0.5]}, "late": 2**53 + 1}],
        c=[None, None],
    )
    found = as_arrow(made(Table.of(folders), form))
    rows = found.to_pylist()
    assert [row["partition"] for row in rows] == ["a", "b", "c", "c"]
    assert found.column_names == ["partition", "index", "x", "y", "n", "late"]
    assert [row["x"] for row in rows] == [1.0, 2.5, None, None]
    assert [row["y"] for row in rows] == [None, "text", None, None]
    assert [row["n"] for row in rows] == [{"z": [1.0]}, {"z": [0.5]}, None, None]
    assert [row["late"] for row in rows] == [None, 2**53 + 1, None, None]


def test_partitions_that_have_no_type_in_common(tmp_path):
    """Both are named, with the column, whether it is the type or one value; the other columns can be read."""
    folders = of_partitions(
        tmp_path,
        a=[{"x": 0.5, "y": 1, "ok": 1}],
        b=[{"x": 2**53 + 1, "y": "text", "ok": 2}],
        c=[{"x": 1, "y": 2, "ok": 3}],
    )
    said = "the column 'y' of the partitions 'a' and 'b' has int and str; read them one by one"
    with pytest.raises(TypeError, match=said):
        Table.of(folders)
    table = Table.of({name: folders[name] for name in ("a", "c")})
    assert table.to_pandas()["x"].tolist() == [0.5, 1.0]
    write_cut(tmp_path / "b", [{"x": 2**53 + 1, "y": 5, "ok": 2}], (), Layout(unpack=True))
    for form in FORMS:
        said = "column 'x' of the partition 'b' has a value that the type of the partition 'a' does not"
        with pytest.raises((TypeError, pyarrow.ArrowException), match=said):
            as_arrow(made(Table.of(folders), form))
    assert Table.of(folders, ["ok"]).to_pandas()["ok"].tolist() == [1, 2, 3]


def test_a_column_of_the_name_partition(tmp_path):
    """It is an error that says what to do, and no error where it is not needed."""
    folders = of_partitions(tmp_path, a=[{"partition": "mine", "x": 1}])
    with pytest.raises(ValueError, match=r"column 'partition' of their own.* without it"):
        Table.of(folders)
    assert Table.of(folders, ["x"]).to_pandas()["x"].tolist() == [1]
    assert read_results(tmp_path / "a")["partition"].tolist() == ["mine"]


def test_a_table_without_rows_has_its_columns(tmp_path):
    """Their types are those of the results, where these are known."""
    folders = of_partitions(tmp_path, a=[])
    found = Table.of(folders).to_pandas()
    assert list(found) == ["partition", "index", "result"]
    assert found.empty
    assert found["index"].dtype == found["result"].dtype == "int64"


def test_what_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    """A reader of everything gets one generation, whole, whenever there is a commit."""
    write_results(tmp_path / "out", range(30), part_items=10)
    batches = Snapshot.batches
    seen = []

    def disturbed(self, *args, **kwargs):
        for batch in batches(self, *args, **kwargs):
            seen.append(len(batch))
            if len(seen) == 2:
                write_results(tmp_path / "out", [7] * 30, part_items=10)
            yield batch

    monkeypatch.setattr(Snapshot, "batches", disturbed)
    assert read_results(tmp_path / "out")["result"].tolist() == [7] * 30
    assert seen == [10] * 5
    with pytest.raises(NoResults, match="was replaced"):  # and again, and again
        undisturbed(lambda: seen.clear() or Table.of(tmp_path / "out").to_pandas())


def test_a_stream_reads_when_it_is_asked(tmp_path):
    """A RecordBatchReader does not open a part before it comes to it."""
    write_results(tmp_path / "out", range(30), part_items=10)
    reader = Table.of(tmp_path / "out").reader()
    assert reader.read_next_batch()["result"].to_pylist() == list(range(10))
    (tmp_path / "out" / "part-00001.parquet").unlink()
    with pytest.raises(Exception, match=r"part-00001\.parquet is missing"):
        reader.read_next_batch()
