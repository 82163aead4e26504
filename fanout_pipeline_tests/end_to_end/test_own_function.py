"""A function and a file of the user's own, as the guide says to add them."""

import json
import os
import re
import subprocess
import sys

from fanout_pipeline import read_results
from fanout_pipeline_tests.end_to_end.project import CHECKOUT

BRIEF = {
    "ops": {
        "counted_lab__trials": {
            "config": {
                "budget_seconds": 60,
                "rounds": 1,
                "warm_up_rounds": 0,
                "strategies": ["threads"],
            }
        }
    }
}


def modules():
    """Those that the README tells the reader to write, by their names."""
    page = (CHECKOUT / "README.md").read_text()
    return dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL))


def test_a_function_of_my_own_is_compared_and_run(project, monkeypatch):
    """The guide's modules of a few lines get a comparison job and assets, and workers without dagster."""
    assert set(modules()) == {"counting.py", "mine.py"}
    for name, text in modules().items():
        (project.folder / name).write_text(text)
    paths = [str(project.folder), str(CHECKOUT)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    check = "import counting, sys; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
    project.data.mkdir()
    lines = ["to be or not to be", "", "that is", "the question"] * 50
    (project.data / "lines.txt").write_text("".join(f"{line}\n" for line in lines))
    config = project.folder / "config.yaml"
    config.write_text(json.dumps(BRIEF))
    code, output = project.run(
        "dagster",
        "job",
        "execute",
        "-m",
        "mine",
        "-j",
        "counted_lab_comparison_job",
        "-c",
        str(config),
    )
    assert code == 0, output
    report = json.loads((project.data / "counted_lab" / "comparison" / "report.json").read_text())
    assert report["items"] == 200
    assert set(report["strategies"]) == {"serial", "threads"}
    assert report["run"]["failures"] == {}
    results = read_results(project.data / "counted_lab" / "multiprocess")["result"].tolist()
    assert results == [len(line.split()) for line in lines]
    assert not (project.data / "counted").exists()
