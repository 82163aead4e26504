"""What befalls steps of the preloaded executor, each by itself: retried, failed, and told of."""

from dataclasses import dataclass

import dagster as dg
import pytest

from fanout_pipeline_tests.executor import step_jobs
from fanout_pipeline_tests.executor.events import events

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Troubled:
    """A run of the job `troubled`."""

    instance: dg.DagsterInstance
    run_id: str

    def events(self, *types):
        return events(self.instance, self.run_id, *types)

    def succeeded(self):
        return {step for step, _, _ in self.events(dg.DagsterEventType.STEP_SUCCESS)}

    def failures(self):
        """The error of each step that failed, by the step's key."""
        entries = self.instance.all_logs(self.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        return {e.step_key: e.dagster_event.step_failure_data.error for e in entries}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance,
    ):
        patch.setenv(step_jobs.FOLDER, str(tmp_path_factory.mktemp("signs")))
        job = dg.reconstructable(step_jobs.troubled)
        result = dg.execute_job(job, instance, raise_on_error=False)
        assert not result.success
        yield Troubled(instance, result.run_id)


def test_a_step_is_retried_as_its_policy_says(troubled):
    """A step that raises, and one whose process dies, succeed when they are tried again."""
    retries = troubled.events(dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert {step for step, _, _ in retries} == {"fails_once", "dies_once"}
    assert {"fails_once", "dies_once"} <= troubled.succeeded()


def test_a_step_that_dies_fails_the_run_and_says_how(troubled):
    """Neither exit nor segmentation fault ends the executor: other steps run, the log says what
    happened to which step."""
    assert "works" in troubled.succeeded()
    failures = troubled.failures()
    assert "ended with exit code 3" in failures["exits"].message
    assert "ended by signal 11 (SIGSEGV)" in failures["crashes"].message
    run = troubled.instance.get_run_by_id(troubled.run_id)
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_a_step_without_its_resource_fails_once(troubled):
    """A resource that cannot be made fails the step that needs it, with its own message."""
    failed = troubled.events(dg.DagsterEventType.STEP_FAILURE)
    assert [step for step, _, _ in failed].count("needs_warehouse") == 1
    assert "the warehouse is closed" in troubled.failures()["needs_warehouse"].to_string()


def test_tag_concurrency_limits_hold(troubled):
    """Of steps with a limited tag, no more run at a time than the limit says."""
    started, ended = dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS
    found = troubled.events(started, ended)
    kinds = [kind for step, kind, _ in found if step.startswith("alone_")]
    assert kinds == [started, ended] * 3
