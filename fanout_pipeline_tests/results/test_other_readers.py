"""The parts are read, in order of their names, by the programs that data engineers have."""

import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pytest

from fanout_pipeline.results.types.layout import Layout
from fanout_pipeline_tests.results.cuts import write_cut

COUNT = 40
EDGES = (1, 2, 13, 30)
"""Parts of one item and of many, too few to be merged."""
DAY = datetime.date(2026, 11, 28)
CASES = {
    "plain": [n * n for n in range(COUNT)],
    "texts beside None": [None if n % 5 == 0 else f"n{n}" for n in range(COUNT)],
    "nested": [{"n": n, "list": [n, None][: n % 3], "day": DAY} for n in range(COUNT)],
    "arrays": [numpy.arange(3) + n for n in range(COUNT)],
    "late fields": [{"n": n} if n < 39 else {"n": n, "late": "x"} for n in range(COUNT)],
    "wide": [2**70 if n == 20 else n for n in range(COUNT)],
}
ROWS = [
    {"n": n, "half": n / 2 if n % 3 else None, "tags": ["a"] * (n % 2), "day": DAY, "money": Decimal("1.10")}
    | ({"late": n} if n == 39 else {})
    for n in range(COUNT)
]  # fmt: skip


def by_duckdb(folder):
    return duckdb.sql(f"FROM '{folder}/part-*.parquet'").to_arrow_table().to_pydict()


def by_polars(folder):
    return polars.scan_parquet(f"{folder}/part-*.parquet").collect().to_dict(as_series=False)


def by_pandas(folder):
    frames = map(pandas.read_parquet, sorted(Path(folder).glob("part-*.parquet")))
    frame = pandas.concat(frames, ignore_index=True)
    return {name: frame[name].tolist() for name in frame}


def by_dataset(folder):
    paths = sorted(map(str, Path(folder).glob("part-*.parquet")))
    return pyarrow.dataset.dataset(paths).to_table().to_pydict()


every_program = pytest.mark.parametrize("read", [by_duckdb, by_polars, by_pandas, by_dataset])


def plain(value):
    """A value as all of these programs would have it."""
    if isinstance(value, numpy.ndarray | list):
        return list(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return None if value is None or value is pandas.NaT or value != value else value


@every_program
@pytest.mark.parametrize("case", CASES)
def test_results_are_read_in_order(tmp_path, case, read):
    """All parts, without being told about types: they have one schema."""
    results = CASES[case]
    write_cut(tmp_path / "out", results, EDGES)
    found = read(tmp_path / "out")
    assert list(found) == ["index", "result"]
    assert found["index"] == list(range(COUNT))
    expected = results
    if case == "late fields":
        expected = [{"n": one["n"], "late": one.get("late")} for one in results]
    if case == "wide":  # integers of any size are text, of all results
        expected = [str(n) for n in results]
    assert plain(found["result"]) == plain(expected)


@every_program
def test_fields_and_kept_columns_are_columns(tmp_path, read):
    """Beside the index, in the order in which they were first met."""
    kept = pyarrow.table({"order": [f"o{n}" for n in range(COUNT)]})
    write_cut(tmp_path / "out", ROWS, EDGES, Layout(("order",), unpack=True), kept)
    found = read(tmp_path / "out")
    assert list(found) == ["index", "order", "n", "half", "tags", "day", "money", "late"]
    assert found["order"] == kept["order"].to_pylist()
    for name in ("n", "half", "tags", "day"):
        assert plain(found[name]) == [row[name] for row in ROWS]
    assert found["money"] == ["1.10"] * COUNT
    assert plain(found["late"]) == [None] * 39 + [39]
