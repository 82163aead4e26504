"""`dagster job execute` killed at any moment: nothing runs on, nothing half-done is visible."""

import os
import shutil
import signal
import time

import pytest

from fanout_pipeline.parts import NoResults, iter_results
from fanout_pipeline_tests.end_to_end.project import STRATEGIES, Project, wait_for


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A data root that a smaller run has filled."""
    project = Project.new(tmp_path_factory.mktemp("finished") / "project")
    config = {"ops": {"numbers_file": {"config": {"count": 1000}}}}
    assert project.execute("multiprocess_job", config)[0] == 0
    return project.data


@pytest.mark.parametrize("kill", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("whom", "moment"),
    [
        ("process", 0.5),
        ("process", 2.5),
        ("process", 4.5),
        ("process", 7),
        ("group", 3),
        ("group", 6),
    ],
)
def test_a_killed_job_leaves_nothing_behind(project, finished, whom, kill, moment):
    """After SIGINT or SIGTERM no process is left, and every visible result folder is whole."""
    shutil.copytree(finished, project.data, symlinks=True)
    process = project.start("dagster", *project.job_arguments("comparison_job"))
    time.sleep(moment)
    if whom == "process":
        process.send_signal(getattr(signal, kill))
    else:
        os.killpg(process.pid, getattr(signal, kill))
    process.wait(30)

    def gone():
        return not project.processes()

    try:
        wait_for(gone, 15, "end of all processes", every=0.2)
    except AssertionError:
        left = [(p.pid, p.status(), p.cmdline()) for p in project.processes()]
        raise AssertionError(f"left behind: {left}\n{project.output()[-3000:]}") from None
    for strategy in STRATEGIES:
        folder = project.data / "squares" / strategy
        try:
            items = sum(len(batch) for batch in iter_results(folder))
        except NoResults:
            assert not folder.exists()
            assert strategy not in ("multiprocess", "dagster_multiprocess")
        else:
            assert items in (1000, 100_000)
