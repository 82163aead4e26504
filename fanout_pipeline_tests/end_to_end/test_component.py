"""The component in a project of `dg`, by the commands that people type."""

import pandas

from fanout_pipeline import read_results

PROJECT = """
[project]
name = "ours"
version = "0"
requires-python = ">=3.11"

[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "ours"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg

defs = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
FUNCTION = """
def score(order):
    return {"points": 2 * order["amount"]}
"""
WRONG = """
type: fanout_pipeline.Fanout

attributes:
  name: wrong
  function: ours.scoring.scor
  over:
    parquet:
      path: orders.parquet
"""


def test_a_scaffolded_fan_out_runs_as_it_is(guest):
    """`dg scaffold defs` writes a folder that the other commands accept; what is wrong is told with file and line."""
    package = guest.works_in / "ours"
    (package / "defs").mkdir(parents=True)
    (guest.works_in / "pyproject.toml").write_text(PROJECT)
    for name, text in {"__init__": "", "definitions": DEFINITIONS, "scoring": FUNCTION}.items():
        (package / f"{name}.py").write_text(text)
    pandas.DataFrame({"amount": [1, 2, 3]}).to_parquet(guest.data / "orders.parquet")
    over, function = "parquet:orders.parquet", "ours.scoring.score"
    how = ("--over", over, "--function", function)
    code, output = guest.run("dg", "scaffold", "defs", "fanout_pipeline.Fanout", "scored", *how)
    assert code == 0, output
    code, output = guest.run("dg", "check", "yaml")
    assert code == 0, output
    code, output = guest.run("dg", "launch", "--assets", "scored")
    assert code == 0, output
    assert read_results(guest.data / "scored")["points"].tolist() == [2, 4, 6]
    (package / "defs" / "wrong").mkdir()
    (package / "defs" / "wrong" / "defs.yaml").write_text(WRONG.lstrip())
    code, output = guest.run("dg", "list", "defs")
    assert code != 0
    assert "wrong/defs.yaml:5" in output
    assert "has no attribute 'scor'" in output
