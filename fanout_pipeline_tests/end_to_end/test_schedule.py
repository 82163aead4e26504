"""The schedule, fired by a real daemon."""

import signal

import dagster as dg
import yaml

from fanout_pipeline_tests.processes import wait_for

LOCATION = {
    "python_module": {
        "module_name": "fanout_pipeline_tests.end_to_end.every_minute",
        "location_name": "every_minute",
        "working_directory": ".",
    }
}


def test_the_daemon_runs_the_comparison_by_itself(project):
    """A started schedule runs the comparison without anybody there, and the daemon ends cleanly."""
    workspace = project.folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [LOCATION]}))
    # Dagster's databases are made here: two processes that make them at once spoil them.
    assert project.runs() == []
    daemon = project.start("dagster-daemon", "run", "-w", str(workspace))

    def finished_run():
        assert daemon.poll() is None, project.output()
        return next((run for run in project.runs() if run.is_finished), None)

    try:
        run = wait_for(finished_run, 200, "finished run", every=2)
        assert run.status is dg.DagsterRunStatus.SUCCESS, project.output()
        assert run.job_name == "comparison_job"
        assert run.tags["dagster/schedule_name"] == "nightly_comparison"
        assert len(project.numbers()) == 100_000
        assert project.metadata("squares/comparison")["items"] == 100_000
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    wait_for(lambda: not project.processes(), 60, "end of all processes")
