"""A batch function gets its batches as it is annotated; the guilty row is found in any of them."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING

import pandas
import pyarrow
import pytest
from pyarrow import compute, parquet

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    Options,
    Parquet,
    read_failures,
    read_results,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy

if TYPE_CHECKING:
    import pyarrow as pa

SEEN = []
"""The types of the batches that were given."""


def seen(batch):
    SEEN.append(type(batch))
    return batch


def of_arrow(rows: pyarrow.Table):
    return compute.add(seen(rows)["n"], 1)


def of_arrow_for_type_checkers(rows: pa.Table, more=None):
    return compute.add(seen(rows)["n"], 1)


class OfArrow:
    def __call__(self, rows: pyarrow.Table):
        return compute.add(seen(rows)["n"], 1)


def of_pandas(rows):
    return seen(rows)["n"] + 1


def of_annotated_pandas(rows: pandas.DataFrame) -> pyarrow.Table:
    return seen(rows)["n"] + 1


def run(tmp_path, source, batch_function, **policy):
    options = Options(workers=1, **policy)
    spec = FanoutSpec("batches", source, abs, batch_function)
    SEEN.clear()
    run_strategy(STRATEGIES["vectorized"], spec, tmp_path / "results", options)
    return read_results(tmp_path / "results")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.parquet"
    parquet.write_table(pyarrow.table({"n": range(50), "s": ["é"] * 50}), path, row_group_size=20)
    return Parquet(str(path))


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (of_arrow, pyarrow.Table),
        (of_arrow_for_type_checkers, pyarrow.Table),
        (partial(of_arrow_for_type_checkers, more=1), pyarrow.Table),
        (OfArrow(), pyarrow.Table),
        (of_pandas, pandas.DataFrame),
        (of_annotated_pandas, pandas.DataFrame),
    ],
)
def test_a_batch_is_of_the_kind_that_its_function_names(tmp_path, table, function, kind):
    """An Arrow table where its first parameter says so, of text or not; else a DataFrame of rows."""
    assert run(tmp_path, table, function)["result"].tolist() == list(range(1, 51))
    assert set(SEEN) == {kind}


def test_plain_values_come_as_a_series_or_as_a_column(tmp_path, table):
    """Of Parquet under the column's name; of text as `item`."""
    one = Parquet(table.path, columns=["n"])
    assert run(tmp_path, one, of_arrow)["result"].tolist() == list(range(1, 51))
    assert run(tmp_path, one, lambda values: seen(values) + 1)["result"].tolist()[-1] == 50
    assert set(SEEN) == {pandas.Series}
    text = tmp_path / "numbers.txt"
    text.write_text("1\n2\n")

    def of_text(items: pyarrow.Table):
        return items["item"]

    assert run(tmp_path, IntegerLines(str(text)), of_text)["result"].tolist() == [1, 2]


def fails_on_seven(rows):
    numbers = rows["n"].tolist() if isinstance(rows, pandas.DataFrame) else rows["n"].to_pylist()
    if 7 in numbers:
        raise ValueError("seven")
    if isinstance(rows, pandas.DataFrame):
        assert rows.index.tolist() == list(range(len(rows)))
    return numbers


def fails_on_seven_in_arrow(rows: pyarrow.Table):
    return fails_on_seven(rows)


@pytest.mark.parametrize("function", [fails_on_seven, fails_on_seven_in_arrow])
def test_the_guilty_row_is_found(tmp_path, table, function):
    """In halves of a DataFrame as of an Arrow table: it is named as Python would have it, the others have results."""
    with pytest.raises(
        ItemFailed, match=r"item 7 \(row 8 of .*in\.parquet\), \{'n': 7, 's': 'é'\}: Value"
    ):
        run(tmp_path, table, function)
    results = run(tmp_path, table, function, on_error="quarantine", failed_items="omit")
    assert results["result"].tolist() == [n for n in range(50) if n != 7]
    assert read_failures(tmp_path / "results")["item"].tolist() == [repr({"n": 7, "s": "é"})]


def test_halves_keep_their_types(tmp_path):
    """Integers beside nulls, and a column of nothing but nulls in one half, are what they were in the whole."""
    path = tmp_path / "in.parquet"
    parquet.write_table(pyarrow.table({"n": [None, None, 2**62 + 1, 7]}), path)

    def types(rows):
        if (rows["n"] == 7).any():
            raise ValueError("seven")
        return [json.dumps([str(rows["n"].dtype), str(one)]) for one in rows["n"]]

    results = run(tmp_path, Parquet(str(path)), types, on_error="quarantine")["result"].tolist()
    assert results[:3] == [f'["Int64", "{one}"]' for one in ("<NA>", "<NA>", 2**62 + 1)]


def test_records_that_cannot_be_read_are_in_no_batch(tmp_path):
    """Of Arrow as of pandas: what is left has its own results."""
    text = tmp_path / "numbers.txt"
    text.write_text("1\nx\n3\n")

    def of_text(items: pyarrow.Table):
        return compute.multiply(items["item"], 10)

    results = run(tmp_path, IntegerLines(str(text)), of_text, on_error="quarantine")
    assert results["result"].astype(object).tolist()[::2] == [10, 30]
    assert read_failures(tmp_path / "results")["index"].tolist() == [1]


def test_nan_in_a_frame_is_a_number(tmp_path, table):
    """As in a Series, and as a function of single items returns it; what is missing otherwise is None."""

    def frame(rows):
        halves = (rows["n"] / 2).where(rows["n"] != 1)
        return pandas.DataFrame({"half": halves, "text": rows["s"].where(rows["n"] != 1)})

    first, second = run(tmp_path, table, frame)["result"].tolist()[:2]
    assert first == {"half": 0.0, "text": "é"}
    assert math.isnan(second["half"])
    assert second["text"] is None
