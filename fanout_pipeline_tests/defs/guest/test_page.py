"""The examples of docs/downstream.md work as they stand there."""

import re
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pandas
import pytest

from fanout_pipeline.results import lazily

PAGE = (Path(__file__).parents[3] / "docs" / "downstream.md").read_text()
SECTIONS = dict(re.findall(r"^##? (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::dagster.BetaWarning",
        "ignore:datetime.datetime.utcfromtimestamp",  # Dagster's, on Python 3.12 and later
    ),
]


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An instance of Dagster whose data root is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path))
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance
    sys.modules.pop("recipe", None)


def module(section):
    """The module that a section's code makes."""
    (code,) = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
    Path("recipe.py").write_text(code)
    sys.modules.pop("recipe", None)
    import recipe

    return recipe


def materialized(instance, *assets, **how):
    """What each of the assets has returned."""
    result = dg.materialize([*assets], instance=instance, **how)
    return result.output_for_node


def test_downstream_of_a_fan_out(instance):
    """Each type of table has the columns that are used; another code location loads the same."""
    orders = {"order_id": ["a", "b", "c"], "amount": [10.0, 2000.0, 1.0], "age_days": [0, 1, 0]}
    pandas.DataFrame(orders).to_parquet("orders.parquet")
    page = module("Downstream of a fan-out")
    assets = [page.scored, page.flagged, page.largest, page.mean_risk]
    output = materialized(instance, *assets)
    assert output("flagged")["order_id"].tolist() == ["b"]
    assert output("largest").rows() == [("b", 1000.0), ("a", 10.0), ("c", 1.0)]
    assert output("mean_risk") == 337.0
    defs = module("From another code location").defs
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("report")])
    assert result.output_for_node("report") == 3


def test_partitions(instance):
    """One day is given to its like, and all that are there to an asset of all."""
    page = module("Partitions")
    Path("events").mkdir()
    for number in (1, 3):
        day = f"2026-11-0{number}"
        Path(f"events/{day}.jsonl").write_text(f'{{"kind": "{"x" * number}"}}\n')
        materialized(instance, page.sizes, partition_key=day)
    both = [page.sizes, page.of_the_day, page.of_all_days]
    one = materialized(instance, *both, selection=[page.of_the_day], partition_key="2026-11-03")
    assert one("of_the_day") == 3.0
    every = materialized(instance, *both, selection=[page.of_all_days])
    assert every("of_all_days") == {"2026-11-01": 1.0, "2026-11-03": 3.0}


def test_in_your_own_warehouse(instance):
    """The IO manager has written what it was given, batch by batch."""
    Path("numbers.txt").write_text("1\n2\n3\n")
    defs = module("In your own warehouse").defs
    defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    with duckdb.connect("warehouse.duckdb") as database:
        assert database.execute("FROM my_squares").fetchall() == [(0, 1), (1, 4), (2, 9)]
    loaded = defs.load_asset_value("my_squares", instance=instance)
    assert loaded.to_pydict() == {"index": [0, 1, 2], "result": [1, 4, 9]}


def test_the_numbers_of_the_page_are_those_of_the_program():
    """A limit that is changed is changed in the page, too."""
    assert f"of up to {lazily.MOST_OPEN} files" in SECTIONS["While they are replaced"]
