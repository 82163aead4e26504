"""A function and a file of the user's own, as the guide says to add them."""

import json
import os

from fanout_pipeline.parts import read_results
from fanout_pipeline_tests.end_to_end.project import CHECKOUT

MINE = """
from fanout_pipeline.defs.factory import fanout_definitions
from fanout_pipeline.fanout import FanoutSpec
from fanout_pipeline.sources import TextLines


def words(line: str) -> int:
    return len(line.split())


defs = fanout_definitions(FanoutSpec("lines", TextLines("lines/input.txt"), words))
"""
BRIEF = {
    "ops": {
        "lines__trials": {
            "config": {
                "budget_seconds": 20,
                "rounds": 5,
                "strategies": ["threads", "dagster_multiprocess"],
            }
        }
    }
}


def test_a_function_of_my_own_is_compared_and_run(project, monkeypatch):
    """A module of ten lines gets a comparison job and assets, its input where its results are, too."""
    (project.folder / "mine.py").write_text(MINE)
    paths = [str(project.folder), str(CHECKOUT)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    (project.data / "lines").mkdir(parents=True)
    lines = ["to be or not to be", "", "that is", "the question"] * 50
    (project.data / "lines" / "input.txt").write_text("".join(f"{line}\n" for line in lines))
    config = project.folder / "config.yaml"
    config.write_text(json.dumps(BRIEF))
    code, output = project.run(
        "dagster", "job", "execute", "-m", "mine", "-j", "lines_comparison_job", "-c", str(config)
    )
    assert code == 0, output
    report = json.loads((project.data / "lines" / "comparison" / "report.json").read_text())
    assert report["items"] == 200
    assert set(report["strategies"]) == {"serial", "threads", "dagster_multiprocess"}
    assert report["run"]["failures"] == {}
    code, output = project.run(
        "dagster", "asset", "materialize", "-m", "mine", "--select", "lines/multiprocess"
    )
    assert code == 0, output
    results = read_results(project.data / "lines" / "multiprocess")["result"].tolist()
    assert results == [len(line.split()) for line in lines]


def test_trials_are_read_from_the_data_root_only(finished):
    """Whoever may report events cannot have a comparison open a file elsewhere, nor another root's."""
    import dagster as dg

    elsewhere = finished.folder / "elsewhere.parquet"
    os.mkfifo(elsewhere)  # would hang whoever opens it
    with finished.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["squares", "trials"]))
        recorded = dict(event.asset_materialization.metadata)
        recorded["path"] = dg.MetadataValue.path(str(elsewhere))
        key = dg.AssetKey(["squares", "trials"])
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=recorded))
    code, output = finished.materialize("squares/comparison")
    assert code != 0
    assert "elsewhere.parquet is missing" in output
