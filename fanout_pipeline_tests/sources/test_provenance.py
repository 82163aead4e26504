"""What is recorded of an input beside results, and what is told of one that changed."""

import os

import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import BadInput, Csv, FanoutSpec, Files, JsonLines, Options, Parquet, Sql
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.provenance import require_unchanged


@pytest.fixture
def folder(tmp_path):
    """An input of each format."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("1\n22\n")
    (tmp_path / "in" / "b.csv").write_text("n\n1\n")
    parquet.write_table(pyarrow.table({"n": range(7)}), tmp_path / "in" / "c.parquet")
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("source", "length"),
    [
        (lambda folder: JsonLines(f"{folder}/a.jsonl"), {"bytes": 5}),
        (lambda folder: Csv(f"{folder}/b.csv"), {"bytes": 4}),
        (lambda folder: Parquet(f"{folder}/c.parquet"), {"rows": 7}),
        (lambda folder: Files(str(folder)), {"files": 3}),
        (lambda folder: Sql("SELECT 1 AS n UNION ALL SELECT 2", "sqlite://"), {"rows": 2}),
    ],
    ids=["JsonLines", "Csv", "Parquet", "Files", "Sql"],
)
def test_the_length_of_an_input_is_recorded_by_its_unit(folder, tmp_path, source, length):
    """The manifest says bytes only of what was counted in bytes."""
    source = source(folder)
    spec = FanoutSpec("all", source, repr)
    run_strategy(STRATEGIES["serial"], spec, tmp_path / "results", Options(workers=1))
    recorded = ResultFolder(tmp_path / "results").manifest().source
    assert recorded.pop("sha256")
    assert recorded == {"path": str(source), **length}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (os.unlink, r"c\.parquet was removed while it was read\. Nothing was committed"),
        (
            lambda path: os.truncate(path, 100),
            r"c\.parquet changed while it was read\. Nothing was committed.*"
            r"What was found in the end: Cannot read the file of 100 bytes as Parquet",
        ),
    ],
    ids=["removed", "cut off"],
)
def test_what_was_found_in_the_end_is_told(folder, change, told):
    """A file that can no longer be looked up was removed, or is damaged: the message says which."""
    source = Parquet(f"{folder}/c.parquet")
    before = source.version()
    require_unchanged(source, before)
    change(source.path)
    with pytest.raises(BadInput, match=told):
        require_unchanged(source, before)
