"""A filter chooses which rows are items: as pyarrow chooses, with exact indexes, whatever the chunks."""

import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import compute, parquet
from pyarrow.compute import field

from fanout_pipeline import BadInput, Chunk, FanoutSpec, Options, Parquet, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

ROOT = Path(__file__).parents[2]
FILTERS = [
    field("n") > 3,
    field("n").is_null() | (field("s") == "a"),
    ~(field("n") > 3) & field("s").isin(["a", "b"]),
    field("when.it") == 1,
    field("country") == "001",
    compute.match_substring(field("s"), "b"),
    [("n", ">", 3), ("s", "in", ["a", "c"])],
    [[("n", "<", 2)], [("country", "=", "fr")]],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("filtered")


ROW = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(0, 6),
        "s": st.none() | st.sampled_from("abc"),
        "when.it": st.integers(0, 1),
    }
)
SCHEMA = pyarrow.schema(
    {"n": pyarrow.int64(), "s": pyarrow.string(), "when.it": pyarrow.int8(), "m": pyarrow.int64()}
)


@settings(max_examples=examples(40))
@given(
    rows=st.lists(ROW, max_size=14),
    chosen=st.sampled_from(FILTERS),
    group=st.integers(1, 5),
    columns=st.sampled_from([None, ["m"], ["country", "s"]]),
    edges=st.sets(st.integers(0, 28)),
)
def test_items_are_the_rows_that_pyarrow_chooses(folder, rows, chosen, group, columns, edges):
    """Each has its index, its place is that of the row in its file, and what is left of a chunk is exact."""
    for country in ("001", "fr"):
        path = folder / f"country={country}" / "a.parquet"
        path.parent.mkdir(exist_ok=True)
        numbered = [{**row, "m": number} for number, row in enumerate(rows)]
        parquet.write_table(pyarrow.Table.from_pylist(numbered, SCHEMA), path, row_group_size=group)
    whole = parquet.read_table(folder, partitioning=None)
    countries = pyarrow.array([code for code in ("001", "fr") for _ in rows], pyarrow.string())
    whole = whole.append_column("country", countries)
    expression = parquet.filters_to_expression(chosen) if isinstance(chosen, list) else chosen
    passing = whole.filter(expression)
    expected = (passing.select(columns) if columns else passing).to_pylist()
    if columns == ["m"]:
        expected = passing["m"].to_pylist()
    source = Parquet(str(folder), columns=columns, filter=chosen)
    version = source.examine()
    assert (version.size, version.items) == (2 * len(rows), passing.num_rows)
    examined = pickle.loads(pickle.dumps(source.examined(version)))
    assert examined == source
    places = [
        f"row {m + 1} of {folder}/country={country}/a.parquet"
        for m, country in zip(
            *(passing[name].to_pylist() for name in ("m", "country")), strict=True
        )
    ]
    for one in (source, examined):
        found = []
        for start, stop in pairwise(
            sorted({0, 2 * len(rows), *edges} & {*range(2 * len(rows) + 1)})
        ):
            items = one.read(Chunk(0, start, stop))
            assert items.first_index == len(found)
            for position in range(len(items)):
                assert list(one.read(items.rest(position))) == list(items)[position:]
            kept = items.as_arrow(["m", "country"])
            assert kept == passing.select(["m", "country"]).slice(len(found), len(items))
            found += items
        assert found == (expected if rows else [])
        assert [one.locate(index) for index in range(len(places))] == places


def test_filters_are_told_apart(tmp_path):
    """Results of one are not taken for those of another, though both look alike; equal ones are equal."""
    many = list(range(1000))
    other = [*many[:500], 5000, *many[501:]]
    sources = [Parquet("a", filter=field("n").isin(values)) for values in (many, other, many)]
    assert sources[0] == sources[2] != sources[1]
    assert hash(sources[0]) == hash(sources[2])
    assert repr(sources[0]) == repr(sources[2]) != repr(sources[1])
    assert (
        repr(Parquet("a", filter=[("n", ">", 1)]))
        == "Parquet(path='a', columns=None, filter=(n > 1))"
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (field("amont") > 1, "FieldRef.Name(amont)"),
        (field("n") > "x", "no kernel matching input types"),
        (field("n") + 1, "of type int64 for each row, and not true or false"),
    ],
)
def test_a_filter_that_cannot_be_applied(tmp_path, wrong, told):
    """Before anything runs, with the columns that there are."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"n": [1], "s": ["a"]}), path)
    with pytest.raises(BadInput) as caught:
        Parquet(str(path), filter=wrong).examine()
    message = str(caught.value)
    assert told in message
    assert "It has n (int64), s (string)." in message


@pytest.mark.parametrize("wrong", ["n > 1", [("n", "above", 1)], 7, [("n", 1)]])
def test_what_is_no_filter(wrong):
    """When it is written, not when it runs."""
    with pytest.raises(TypeError, match="filter is an expression such as"):
        Parquet("a.parquet", filter=wrong)
    with pytest.raises(ValueError, match="by its position"):
        Parquet("a.parquet", filter=field(0) > 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "multiprocess", "threads"])
def test_a_run_has_the_results_of_what_passes(tmp_path, name):
    """With the indexes 0, 1, 2, … of the rows that do."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"n": range(-1000, 1000)}), path, row_group_size=300)
    source = Parquet(str(path), columns=["n"], filter=[("n", ">=", 0)])
    options = Options(workers=2)
    run_strategy(
        STRATEGIES[name], FanoutSpec("n", source, abs), tmp_path / name, replace(options, chunks=7)
    )
    results = read_results(tmp_path / name)
    assert results["index"].tolist() == results["result"].tolist() == list(range(1000))


WORKER = """
import pickle, sys
from fanout_pipeline import Chunk
source = pickle.loads(sys.stdin.buffer.read())
found = list(source.read(Chunk(0, 0, 6)))
print(found, source.locate(1), [name for name in ("pandas", "dagster") if name in sys.modules])
"""


def test_a_worker_imports_no_pandas(tmp_path):
    """Neither for rows nor for folders nor for a filter: it would take longer than most chunks."""
    (tmp_path / "k=1").mkdir()
    path = tmp_path / "k=1" / "a.parquet"
    parquet.write_table(pyarrow.table({"n": range(6), "s": list("abcabc")}), path, row_group_size=2)
    source = Parquet(str(tmp_path), columns=["n", "k"], filter=[("s", "=", "b")])
    assert read(source) == [{"n": 1, "k": "1"}, {"n": 4, "k": "1"}]
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        input=pickle.dumps(source.examined(source.examine())),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == f"{read(source)} row 5 of {path} []"
