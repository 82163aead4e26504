"""What Dagster does again after a failure reuses what was finished before it."""

import json
import os
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.defs.config.dagster_executors import timed_steps_executor
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.defs import functions

ROOT = "FANOUT_TEST_ROOT"
COUNT = 40
SPEC = FanoutSpec("mended", IntegerLines("numbers.txt"), functions.mended, functions.mended_batch)
STRATEGIES = ("serial", "vectorized", "multiprocess")

pytestmark = pytest.mark.slow


def job(strategy, policy=None, executor=dg.in_process_executor):
    """The job of one asset, in 4 chunks of 10 items; one worker, so that 10 are done before 25 is."""
    name = "resumed"
    made = dg.define_asset_job(
        name,
        selection=[dg.AssetKey([SPEC.name, strategy])],
        op_retry_policy=policy,
        executor_def=executor,
    )
    location = dg.Definitions(
        assets=fanout_assets(SPEC),
        jobs=[made],
        resources={
            "data_folder": DataFolder(root=os.environ[ROOT]),
            "fanout": Fanout(workers=1, chunks=4),
            IO_MANAGER: json_io_manager,
        },
    )
    return location.resolve_job_def(name)


def stepwise():
    return job("dagster_multiprocess", executor=timed_steps_executor)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with two-digit numbers, so that chunks are of equal length, and a broken service."""
    monkeypatch.setenv(ROOT, str(tmp_path / "data"))
    monkeypatch.setenv(functions.SIGN, str(tmp_path / "down.sign"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("".join(f"{10 + n}\n" for n in range(COUNT)))
    (tmp_path / "down.sign").touch()
    return tmp_path


@pytest.fixture
def instance(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


def calls(root):
    """Since the last look."""
    file = root / "down.calls"
    found = [int(line) for line in file.read_text().split()]
    file.unlink()
    return found


def mend(root):
    (root / "down.sign").unlink()


def assert_whole(root, strategy):
    results = read_results(root / "data" / SPEC.name / strategy)["result"].tolist()
    assert results == [-(10 + n) for n in range(COUNT)]
    hidden = root / "data" / SPEC.name / "_runs" / strategy
    folder = ResultFolder(root / "data" / SPEC.name / strategy)
    assert {path for path in hidden.iterdir() if path.is_dir()} == {folder.path.resolve()}


def metadata(result):
    (event,) = result.get_asset_materialization_events()
    return {k: v.value for k, v in event.step_materialization_data.materialization.metadata.items()}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_next_materialization_reuses_what_a_failed_one_had_finished(root, instance, strategy):
    """After the cause is mended only what was not finished is called, and metadata say how much was."""
    first = job(strategy).execute_in_process(instance=instance, raise_on_error=False)
    assert not first.success
    assert set(calls(root)) == set(range(10, 26))
    mend(root)
    second = job(strategy).execute_in_process(instance=instance)
    assert second.success
    found = metadata(second)
    # Of the chunk that failed the items before the guilty one; a batch function has no such.
    chunks, items = (1, 10) if strategy == "vectorized" else (2, 15)
    assert (found["reused_chunks"], found["reused_items"]) == (chunks, items)
    assert found["items"] == COUNT
    recomputed = calls(root)
    # The rest twice: once for the results, once by the check, which makes all of a reference.
    assert sorted(set(recomputed[: COUNT - items])) == list(range(10 + items, 10 + COUNT))
    assert_whole(root, strategy)


def test_a_fresh_start_reuses_nothing(root, instance):
    """`resume: false` in run config calls the function on every item."""
    assert not job("serial").execute_in_process(instance=instance, raise_on_error=False).success
    calls(root)
    mend(root)
    config = {"resources": {"fanout": {"config": {"resume": False, "chunks": 4, "workers": 1}}}}
    second = job("serial").execute_in_process(instance=instance, run_config=config)
    assert metadata(second)["reused_chunks"] == 0
    assert sorted(calls(root)) == list(range(10, 10 + COUNT))
    assert_whole(root, "serial")


def test_a_retry_goes_on(root, instance, monkeypatch):
    """A step that Dagster's RetryPolicy tries again does not begin at the beginning."""
    monkeypatch.setenv(functions.ONCE, "yes")
    policy = dg.RetryPolicy(max_retries=1)
    result = job("serial", policy).execute_in_process(instance=instance)
    assert result.success
    assert metadata(result)["reused_chunks"] == 2


def test_re_execution_from_failure_runs_failed_chunks_only(root, instance):
    """What was done is not done again by Dagster's re-execution from failure, not even of the chunk that failed."""
    made = dg.reconstructable(stepwise)
    with dg.execute_job(made, instance, raise_on_error=False) as first:
        assert not first.success
        failed = {event.step_key for event in first.get_step_failure_events()}
    assert len(failed) == 1
    assert sorted(calls(root)) == [*range(10, 26), *range(30, 10 + COUNT)]
    mend(root)
    again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
    with dg.execute_job(made, instance, reexecution_options=again) as second:
        assert second.success
    assert calls(root)[:5] == list(range(25, 30))
    assert_whole(root, "dagster_multiprocess")


def test_re_execution_after_the_asset_was_materialized_does_all_of_it(root, instance):
    """What the failed run had finished is gone then, and made anew."""
    made = dg.reconstructable(stepwise)
    with dg.execute_job(made, instance, raise_on_error=False) as first:
        assert not first.success
    mend(root)
    with dg.execute_job(made, instance) as between:
        assert between.success
    calls(root)
    again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
    with dg.execute_job(made, instance, reexecution_options=again) as late:
        assert late.success
        assert metadata(late)["reused_items"] == 0
    assert set(calls(root)) == set(range(10, 10 + COUNT))
    assert_whole(root, "dagster_multiprocess")


def test_a_materialization_in_place_of_a_re_execution(root, instance):
    """A plain one goes on, too, with steps for what was not finished only."""
    made = dg.reconstructable(stepwise)
    with dg.execute_job(made, instance, raise_on_error=False) as first:
        assert not first.success
    calls(root)
    mend(root)
    with dg.execute_job(made, instance) as second:
        assert second.success
        steps = [e.step_key for e in second.all_node_events if e.is_step_start]
        assert metadata(second)["reused_items"] == COUNT - 5
    assert len(steps) == 3
    assert calls(root)[:5] == list(range(25, 30))
    assert_whole(root, "dagster_multiprocess")


def test_where_only_the_end_is_lacking_no_chunk_is_run(root, instance, monkeypatch):
    """All chunks of a run that could not commit are reused by the next, which has no chunk steps."""
    mend(root)
    with monkeypatch.context() as patch:
        patch.setattr(ResultFolder, "_make_visible", _full)
        made = job("dagster_multiprocess")
        assert not made.execute_in_process(instance=instance, raise_on_error=False).success
    calls(root)
    second = job("dagster_multiprocess").execute_in_process(instance=instance)
    assert metadata(second)["reused_items"] == COUNT
    assert not (root / "down.calls").exists()
    assert_whole(root, "dagster_multiprocess")


def _full(*arguments):
    raise CannotWrite("No space left on device")


def scattered(root, run):
    """What another run has done of the asset: its folder, and what ends it."""
    spec = SPEC.under(root / "data")
    folder = root / "data" / SPEC.name / "dagster_multiprocess"
    options = Options(workers=1)
    theirs = ScatteredRun.join(
        "dagster_multiprocess", spec, folder, replace(options, chunks=4), run
    )
    chunks = theirs.scatter()
    theirs.run_chunk(chunks[0].start, chunks[0].stop)

    def end():
        for chunk in chunks:
            theirs.run_chunk(chunk.start, chunk.stop)
        assert theirs.gather([]).reused_items == 0

    return theirs.target.generation(run).path, end


def test_a_run_of_another_dagster_instance_is_left_alone(root, instance):
    """Two instances on one data root do not take each other's parts away; what a dead run left goes."""
    mend(root)
    theirs, end = scattered(root, "a run of another instance")
    dead, _ = scattered(root, "a dead run of another instance")
    owner = dead / "_owner"
    host, pid, _ = json.loads(owner.read_text())
    owner.write_text(json.dumps([host, pid, "another time"]))
    assert job("dagster_multiprocess").execute_in_process(instance=instance).success
    assert theirs.is_dir()
    assert not dead.exists()
    end()
    assert_whole(root, "dagster_multiprocess")


@pytest.mark.parametrize("ended", [True, False], ids=["its re-execution has ended", "it works"])
def test_a_run_may_be_deleted(root, instance, ended):
    """After the first run of a group was deleted the asset is materialized as ever."""
    mend(root)
    made = job("dagster_multiprocess")
    first = instance.create_run_for_job(made)
    tags = {ROOT_RUN_ID_TAG: first.run_id, PARENT_RUN_ID_TAG: first.run_id}
    group = {"root_run_id": first.run_id, "parent_run_id": first.run_id, "tags": tags}
    second, third = (instance.create_run_for_job(made, **group) for _ in range(2))
    gone, _ = scattered(root, second.run_id)
    folder, _ = scattered(root, third.run_id)
    instance.delete_run(first.run_id)
    instance.report_run_failed(second)
    if ended:
        instance.report_run_failed(third)
    assert made.execute_in_process(instance=instance).success
    assert not gone.exists()
    assert folder.exists() is not ended
