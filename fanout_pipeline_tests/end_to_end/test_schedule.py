"""The schedule, fired by a real daemon."""

from fanout_pipeline_tests.end_to_end.project import wait_for

LOCATION = "fanout_pipeline_tests.end_to_end.every_minute"


def test_the_daemon_fires_the_schedule_and_its_run_succeeds(project):
    """A started schedule runs the comparison when it is due, with nobody at hand."""
    daemon = project.start("dagster-daemon", "run", "-m", LOCATION)

    def finished():
        assert daemon.poll() is None, project.output()
        return [run for run in project.runs() if run.is_finished]

    run = wait_for(finished, 200, "finished run", every=1)[-1]
    daemon.terminate()
    daemon.wait(60)
    assert run.status.value == "SUCCESS"
    assert run.job_name == "comparison_job"
    assert run.tags["dagster/schedule_name"] == "nightly_comparison"
    assert (project.data / "squares" / "comparison" / "report.json").exists()
