"""What docs/results.md shows is what happens."""

import importlib
import re
from pathlib import Path

from fanout_pipeline import FanoutSpec, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store import compact
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.contract.rows import Rows

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def run(spec, root):
    options = Options(workers=1)
    run_strategy(STRATEGIES["serial"], spec.under(root), root / spec.name / "serial", options)


def test_the_examples_run(tmp_path, monkeypatch):
    """Each in turn, as a reader would try them; every program reads the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("4\n9\n16\n")
    (tmp_path / "data" / "orders").write_text('{"order_id": 7, "country": "CH", "amount": 5}\n')
    first, second, third = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "powers_of_the_page.py").write_text(first)
    monkeypatch.syspath_prepend(tmp_path)
    names = {
        "orders": Rows("orders", hidden=("order_id", "country")),
        "score": same,
        "FanoutSpec": FanoutSpec,
    }
    run(importlib.import_module("powers_of_the_page").spec, tmp_path / "data")
    exec(second, names)
    rows = [[0, 16, 2.0, [4]], [1, 81, 3.0, [9]], [2, 256, 4.0, [1, 6]]]
    for name in ("one", "two", "four"):
        found = names[name]
        assert list(found) == ["index", "square", "root", "digits"]
        assert [[*row[:3], list(row[3])] for row in found.to_numpy().tolist()] == rows
    assert [list(row) for row in names["three"].rows()] == rows
    exec(third, names)
    run(names["spec"], tmp_path / "data")
    exec('found = list(read_results("data/scores/serial"))', names)
    assert names["found"][:3] == ["index", "order_id", "country"]


def test_the_numbers_of_the_page_are_those_of_the_program():
    """A size that is changed is changed in the page, too."""
    rows, size = f"{compact._SMALL_ROWS:,} rows", f"{compact._SMALL_BYTES // 2**20} MB"
    assert f"neighbours\nof fewer than {rows} and {size} are merged" in PAGE.read_text()
