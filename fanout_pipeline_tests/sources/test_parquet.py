"""Rows of Parquet are those that pyarrow reads, however they are cut, whoever wrote them."""

import datetime
import decimal
import pickle
import re
import string
import tempfile
from itertools import pairwise
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import (
    Chunk,
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    Options,
    Parquet,
    read_results,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.squares import square
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import items_of, read

WORDS = st.text(string.ascii_letters + "é–\N{SLICE OF PIZZA}\0", max_size=5)
TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2200, 1, 1))  # noqa: DTZ001
MILLISECONDS = st.integers(0, 86_399_999)


def integers(bits, low=None):
    return st.integers(-(2 ** (bits - 1)) if low is None else low, 2 ** (bits - (low is None)) - 1)


VALUES = {
    pyarrow.int8(): integers(8),
    pyarrow.int64(): integers(64),
    pyarrow.uint64(): integers(64, 0),
    pyarrow.float32(): st.floats(width=32),
    pyarrow.float64(): st.floats(),
    pyarrow.bool_(): st.booleans(),
    pyarrow.string(): WORDS,
    pyarrow.large_string(): WORDS,
    pyarrow.binary(): st.binary(max_size=4),
    pyarrow.binary(3): st.binary(min_size=3, max_size=3),
    pyarrow.decimal128(9, 3): st.decimals(-99999, 99999, places=3),
    pyarrow.date32(): st.dates(),
    pyarrow.timestamp("ms"): TIMES.map(lambda time: time.replace(microsecond=0)),
    pyarrow.timestamp("us", "Europe/Berlin"): TIMES.map(
        lambda time: time.replace(tzinfo=datetime.UTC)
    ),
    pyarrow.timestamp("ns"): TIMES,
    pyarrow.time64("us"): st.times(),
    pyarrow.duration("us"): st.timedeltas(
        datetime.timedelta(days=-9999), datetime.timedelta(days=9999)
    ),
    pyarrow.null(): st.none(),
    pyarrow.list_(pyarrow.int32()): st.lists(integers(32) | st.none(), max_size=3),
    pyarrow.struct({"a": pyarrow.int64(), "b": pyarrow.string()}): st.fixed_dictionaries(
        {"a": integers(64) | st.none(), "b": WORDS}
    ),
    pyarrow.map_(pyarrow.string(), pyarrow.int8()): st.dictionaries(
        WORDS, integers(8), max_size=2
    ).map(lambda pairs: list(pairs.items())),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()): st.sampled_from(["de", "fr", "us"]),
}


@st.composite
def tables(draw):
    """Of any types, with nulls, under any names."""
    types = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    names = draw(
        st.lists(
            st.text("ab. =*", min_size=1, max_size=3),
            min_size=len(types),
            max_size=len(types),
            unique=True,
        )
    )
    rows = draw(st.integers(0, 12))
    columns = [
        pyarrow.array(draw(st.lists(VALUES[kind] | st.none(), min_size=rows, max_size=rows)), kind)
        for kind in types
    ]
    return pyarrow.table(columns, names)


def in_microseconds(table):
    """The table with times that have no nanoseconds as Python has them."""
    kinds = {pyarrow.timestamp("ns"): pyarrow.timestamp("us")}
    return table.cast(
        pyarrow.schema([one.with_type(kinds.get(one.type, one.type)) for one in table.schema])
    )


@settings(max_examples=examples(80))
@given(
    table=tables(),
    cut=st.integers(0, 12),
    group=st.integers(1, 5),
    wanted=st.integers(1, 9),
    edges=st.sets(st.integers(0, 12)),
    data=st.data(),
)
def test_rows_are_those_of_pyarrow(table, cut, group, wanted, edges, data):
    """Values and their types, all columns or some, in two files, in any chunks, whatever is left of them."""
    names = data.draw(st.none() | st.permutations(table.column_names).map(lambda all_: all_[:2]))
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
            parquet.write_table(part, Path(folder, f"{number}.parquet"), row_group_size=group)
        back = pyarrow.concat_tables(
            parquet.read_table(Path(folder, f"{n}.parquet"), partitioning=None) for n in (0, 1)
        )
        chosen = back if names is None else back.select(names)
        expected = in_microseconds(chosen).to_pylist()
        if names is not None and len(names) == 1:
            expected = in_microseconds(chosen)[names[0]].to_pylist()
        source = Parquet(folder, columns=names)
        version = source.examine()
        assert (version.size, version.items) == (table.num_rows, table.num_rows)
        source = pickle.loads(pickle.dumps(source.examined(version)))
        # By their texts: what is not a number equals nothing, and 1 equals True.
        assert repr(read(source, wanted)) == repr(expected)
        found = []
        for start, stop in pairwise(
            sorted({0, table.num_rows, *edges} & {*range(table.num_rows + 1)})
        ):
            items = source.read(Chunk(0, start, stop))
            assert items.first_index == len(found)
            assert repr(items_of(source, items.rest(1))) == repr(list(items)[1:])
            assert items.as_arrow(back.column_names) == back.slice(start, stop - start)
            found += items
        assert repr(found) == repr(expected if table.num_rows else [])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The same orders, written by each of the tools that people have."""
    folder = tmp_path_factory.mktemp("orders")
    connection = duckdb.connect()
    query = """
        SELECT i AS id, (i / 7)::DECIMAL(18, 4) AS price, 'é' || i % 5 AS name,
               CASE WHEN i % 3 > 0 THEN i * 10 ** 15 END::BIGINT AS big,
               DATE '2026-01-01' + i::INTEGER AS day, [i, NULL] AS list, {'a': i, 'b': 'x'} AS struct,
               TIMESTAMPTZ '2026-03-29 00:30:00+00' + to_hours(i) AS at
        FROM range(3000) AS numbers(i)
    """
    connection.execute(
        f"COPY ({query}) TO '{folder}/duckdb.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
    )
    polars.read_parquet(folder / "duckdb.parquet").write_parquet(
        folder / "polars.parquet", row_group_size=500, compression="zstd"
    )
    frame = pandas.read_parquet(folder / "duckdb.parquet", dtype_backend="pyarrow")
    frame.to_parquet(folder / "pandas.parquet")
    frame.set_index("name").to_parquet(folder / "indexed.parquet")
    return folder


@pytest.mark.parametrize("tool", ["duckdb", "polars", "pandas", "indexed"])
def test_files_of_other_tools(written, tool):
    """DuckDB, polars and pandas: their decimals, zones, lists, structs, and integers beside nulls."""
    path = written / f"{tool}.parquet"
    rows = read(Parquet(str(path)), 7)
    assert repr(rows) == repr(parquet.read_table(path).to_pylist())
    assert (rows[4]["big"], rows[3]["big"]) == (4 * 10**15, None)
    assert (rows[7]["price"], rows[8]["name"]) == (decimal.Decimal("1.0000"), "é3")


def test_duckdb_and_polars_say_the_same(written):
    """Not Arrow's readers alone: other tools have the same values in the same order."""
    path = str(written / "duckdb.parquet")
    source = Parquet(path, columns=("id", "price", "name", "big", "day", "list", "struct"))
    rows = read(source, 3)
    query = f"SELECT id, price, name, big, day, list, struct FROM '{path}'"
    assert [tuple(row.values()) for row in rows] == duckdb.sql(query).fetchall()
    assert rows == polars.read_parquet(path, columns=list(source.columns)).to_dicts()


def test_numbers_have_the_results_that_they_have_as_text(tmp_path):
    """The same digest: where an item comes from changes nothing."""
    numbers = [n * 7919 % 10_007 - 5000 for n in range(5000)]
    text, table = tmp_path / "numbers.txt", tmp_path / "numbers.parquet"
    text.write_text("".join(f"{n}\n" for n in numbers))
    parquet.write_table(pyarrow.table({"n": numbers}), table, row_group_size=700)
    digests = {
        run_strategy(
            STRATEGIES["serial"],
            FanoutSpec("squares", source, square),
            tmp_path / "results",
            Options(workers=1),
        ).digest
        for source in (IntegerLines(str(text)), Parquet(str(table), columns=["n"]))
    }
    assert len(digests) == 1


def test_chunks_begin_at_row_groups_where_they_can(tmp_path):
    """Of about the size that is wanted; row groups that are larger are cut within."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"n": range(1000)}), path, row_group_size=110)
    source = Parquet(str(path))
    assert [chunk.start for chunk in source.chunks(3)] == [0, 330, 660]
    assert [chunk.start for chunk in source.chunks(18)][:5] == [0, 55, 110, 166, 220]
    for wanted in (1, 2, 7, 500, 1000, 5000):
        chunks = source.chunks(wanted)
        assert len(chunks) == min(wanted, 1000)
        assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks[:-1])]
        assert chunks[-1].stop == 1000
        assert min(chunk.size for chunk in chunks) > 0


def test_batches_keep_what_numpy_cannot_hold(tmp_path):
    """Integers and booleans beside nulls stay what they are, in structs as well; a Series can be written to."""
    path = tmp_path / "a.parquet"
    large = 2**62 + 1
    columns = {"n": [large, None], "b": [None, True], "x": [0.5, 1.5], "s": ["", None]}
    columns["nested"] = nested = [{"n": large, "l": [1, None]}, {"n": None, "l": None}]
    parquet.write_table(pyarrow.table(columns), path)
    source = Parquet(str(path))
    frame = source.read(Chunk(0, 0, 2)).as_batch()
    assert frame["n"].tolist() == [large, pandas.NA]
    assert frame["b"].tolist() == [pandas.NA, True]
    assert frame.dtypes[["n", "b", "x"]].astype(str).tolist() == ["Int64", "boolean", "float64"]
    assert repr(frame["nested"].tolist()) == repr(nested)
    series = Parquet(str(path), columns=["x"]).read(Chunk(0, 1, 2)).as_batch()
    series.iloc[0] = 7
    assert series.tolist() == [7.0]
    assert source.read(Chunk(0, 0, 0)).as_batch().shape == (0, 5)


def test_columns_that_are_not_asked_for_are_not_read(tmp_path):
    """Not even by the hash: what is damaged elsewhere in the file, or changes there, is nobody's business."""
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"wanted": range(100), "other": range(100)})
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    source = Parquet(str(path), columns=["wanted"])
    before = source.examine()
    content = bytearray(path.read_bytes())
    column = parquet.read_metadata(path).row_group(0).column(1)
    end = column.data_page_offset + column.total_compressed_size
    content[column.data_page_offset : end] = bytes(column.total_compressed_size)
    path.write_bytes(content)
    assert source.examine().hash == before.hash
    assert read(source, 3) == list(range(100))
    assert Parquet(str(path)).examine().hash != before.hash


def test_the_hash_is_that_of_the_contents(tmp_path):
    """The same however a file is called and whenever it was written; another if a value or the order differs."""

    def written(folder, *parts):
        for number, part in enumerate(parts):
            path = tmp_path / folder / f"{number}{folder}.parquet"
            path.parent.mkdir(exist_ok=True)
            parquet.write_table(pyarrow.table({"n": part, "m": [0, 0]}), path)
        return [Parquet(str(path.parent), columns=c).examine().hash for c in (None, ["n"])]

    first = written("first", [1, 2], [3, 4])
    assert written("again", [1, 2], [3, 4]) == first
    assert not {*first} & {*written("other", [1, 2], [3, 5]), *written("order", [3, 4], [1, 2])}


def test_a_run_resumes_on_the_same_rows(tmp_path):
    """What was finished is not done again, though the file was copied meanwhile; with another filter it is."""
    path, corrected = tmp_path / "a.parquet", tmp_path / "corrected"
    parquet.write_table(pyarrow.table({"n": range(1000)}), path, row_group_size=100)

    def function(number):
        if number == 850 and not corrected.exists():
            raise ValueError
        return number

    def run(least):
        source = Parquet(str(path), columns=["n"], filter=[("n", ">=", least)])
        spec, options = FanoutSpec("n", source, function), Options(workers=1, chunks=10)
        more = {"ledger": True, "resume": True}
        return run_strategy(STRATEGIES["serial"], spec, tmp_path / "results", options, **more)

    for least, reused in ((100, 750), (101, 0)):
        corrected.unlink(missing_ok=True)
        with pytest.raises(
            ItemFailed, match=r"item \d+ \(row 851 of .*a\.parquet\), 850: ValueError"
        ):
            run(100)
        corrected.touch()
        path.write_bytes(path.read_bytes())
        assert run(least).reused_items == reused
        assert read_results(tmp_path / "results")["result"].tolist() == list(range(least, 1000))


def test_footers_are_read_once(tmp_path, monkeypatch):
    """To ask for the version costs a look at the files, not at what is in them; workers get it told."""
    for number in range(3):
        parquet.write_table(pyarrow.table({"n": [number]}), tmp_path / f"{number}.parquet")
    source = Parquet(str(tmp_path))
    version = source.version()
    monkeypatch.setattr(parquet, "ParquetFile", None)
    assert source.version() == version
    examined = pickle.loads(pickle.dumps(source.examined(version)))
    assert examined.locate(2) == f"row 1 of {tmp_path}/2.parquet"


def test_a_head_has_the_first_items_again_and_again(tmp_path):
    """With all columns, so that those which are kept beside results are there; folders' columns, too."""
    for country in ("de", "fr"):
        (tmp_path / f"in/country={country}").mkdir(parents=True)
        table = pyarrow.table({"n": range(3), "other": [1.5] * 3})
        parquet.write_table(table, tmp_path / f"in/country={country}/a.parquet")
    source = Parquet(str(tmp_path / "in"), columns=["n"], filter=[("n", ">", 0)])
    head = source.head(7, tmp_path / "head")
    assert read(head, 2) == [1, 2, 1, 2, 1, 2, 1]
    kept = head.read(Chunk(0, 0, 5)).as_arrow(["country", "other"])
    assert kept["country"].to_pylist() == ["de", "de", "fr", "fr", "de"]


def test_the_example_of_the_page(tmp_path, monkeypatch):
    """What docs/sources.md shows runs as it stands, item by item and by batches."""
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    [code] = re.findall(r"## Parquet\n.*?```python\n(.*?)```", page, re.DOTALL)
    table = pyarrow.table({"id": [1, 2, 3], "amount": [2.5, -1.0, 4.0]})
    for country in ("de", "fr"):
        (tmp_path / f"orders/country={country}").mkdir(parents=True)
        parquet.write_table(table, tmp_path / f"orders/country={country}/a.parquet")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    for strategy in ("serial", "vectorized"):
        run_strategy(STRATEGIES[strategy], names["spec"], tmp_path / strategy, Options(workers=1))
        results = read_results(tmp_path / strategy)
        assert results["result"].tolist() == [5.0, 8.0, 2.5, 4.0]
