"""Results for a query, which is run later."""

import duckdb
import polars
import pytest

from fanout_pipeline import write_results
from fanout_pipeline.results import lazily
from fanout_pipeline.results.lazily import to_dataset, to_lazy
from fanout_pipeline.results.table import Table


@pytest.fixture
def folders(tmp_path):
    return {name: tmp_path / name for name in ("a", "b")}


def test_a_commit_takes_nothing_from_a_query(folders):
    """A query that was made before a commit has the results of before, and can be run again."""
    for folder in folders.values():
        write_results(folder, range(30), part_items=10)
    frame, dataset = to_lazy(Table.of(folders)), to_dataset(Table.of(folders))
    for folder in folders.values():
        write_results(folder, [7])
    for _ in range(2):
        assert frame.select(polars.col("result").sum()).collect().item() == 2 * sum(range(30))
        assert dataset.to_table()["result"].to_pylist() == [*range(30)] * 2
    found = duckdb.sql("SELECT sum(result) FROM dataset WHERE partition = 'b' AND index < 20")
    assert found.fetchall() == [(sum(range(20)),)]


def test_a_query_reads_only_what_it_needs(folders):
    """polars is told of columns and conditions before anything is read."""
    for folder in folders.values():
        write_results(folder, range(30), part_items=10)
    frame = to_lazy(Table.of(folders)).filter(polars.col("index") < 5).select("result")
    plan = frame.explain()
    assert 'SELECTION: col("index")' in plan
    assert frame.collect()["result"].to_list() == [*range(5)] * 2


def test_more_files_than_may_be_open(folders, monkeypatch):
    """They are opened by name when they are read."""
    monkeypatch.setattr(lazily, "MOST_OPEN", 5)
    for folder in folders.values():
        write_results(folder, range(30), part_items=10)
    table = Table.of(folders, ["partition", "result"])
    expected = table.to_arrow()
    assert to_lazy(table).collect().to_arrow().to_pydict() == expected.to_pydict()
    assert to_dataset(table).to_table() == expected
