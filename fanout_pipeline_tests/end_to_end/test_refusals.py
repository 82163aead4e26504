"""What cannot be done is refused, with the reason and the remedy; earlier results stay."""

import os

import dagster as dg

from fanout_pipeline_tests.end_to_end.project import COUNT


def squares(project):
    return [n * n for n in project.numbers()]


def test_results_of_different_inputs_are_not_compared(finished):
    """Two times of different work are never put side by side; the message says what to make anew."""
    report = finished.data / "squares" / "comparison" / "report.json"
    earlier = report.read_bytes()
    config = {"ops": {"numbers_file": {"config": {"count": COUNT + 1}}}}
    keys = ("numbers_file", "squares/serial", "squares/comparison")
    code, output = finished.materialize(*keys, config=config)
    assert code != 0
    assert "squares/serial was made from another input" in output
    assert "Re-materialize squares/serial, or squares/trials if that is the older one" in output
    assert finished.results("serial") == squares(finished)
    assert report.read_bytes() == earlier


def test_a_bad_line_fails_the_run_and_is_named(finished):
    """One wrong line among thousands is found by file, line and text; nothing half-made is visible."""
    strategies, expected = ("multiprocess", "dagster_multiprocess"), squares(finished)
    file = finished.data / "numbers.txt"
    lines = file.read_text().splitlines()
    lines[1233] = "twelve"
    file.write_text("\n".join(lines) + "\n")
    code, output = finished.materialize(*(f"squares/{strategy}" for strategy in strategies))
    assert code != 0, output
    with finished.instance() as instance:
        (run,) = instance.get_runs(limit=1)
        failed = {
            entry.step_key: str(entry.dagster_event.step_failure_data.error)
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        }
    assert len(failed) == len(strategies)
    for step, error in failed.items():
        assert f"line 1234 of {file} is not an integer: 'twelve'" in error, step
    for strategy in strategies:
        assert finished.results(strategy) == expected


def test_trials_are_read_from_the_data_root_only(finished):
    """Whoever may report events cannot have a comparison open a file elsewhere, nor another root's."""
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
