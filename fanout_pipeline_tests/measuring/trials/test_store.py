"""Raw trials survive on disk, for whoever wants to compute something else from them."""

import pandas
import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.trials.store import load_trials, save_trials, trial_file
from fanout_pipeline.results.store.manifest import NoResults
from fanout_pipeline_tests.measuring.trials.simulated import noisy_trials, trial, trial_run


def test_trials_come_back_as_they_were(tmp_path):
    """Every field of every trial, and what the run has in common, is kept exactly."""
    run = trial_run(remarks=("queue ran in 2 of 30 rounds: it is slow.",))
    trials = [*noisy_trials({"threads": 1.1}, rounds=3), trial("queue", 1, 2.0, warm_seconds=None)]
    path = trial_file(tmp_path / "trials", run)
    save_trials(path, run, trials)
    assert load_trials(path) == (run, trials)


def test_runs_are_appended_as_files_that_pandas_reads_together(tmp_path):
    """All runs' trials are one table, one row a trial, with seconds by phase in columns of their own."""
    for number in range(2):
        run = trial_run(run_id=f"{number}", began=1e9 + number)
        save_trials(trial_file(tmp_path, run), run, noisy_trials({}, rounds=2))
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    table = pandas.read_parquet(tmp_path)
    assert len(table) == 8
    assert {f"phase_{phase}_seconds" for phase in PHASES} <= set(table.columns)
    assert table["phase_call_seconds"].equals(table["wall_seconds"])


def test_phases_of_earlier_versions_are_read(tmp_path):
    """Trials of a version that had more phases still sum to their wall times."""
    run = trial_run()
    path = trial_file(tmp_path, run)
    save_trials(path, run, [trial("queue", 1, 2.0, phases={"start": 0.5, "wait": 0.25})])
    table = parquet.read_table(path)
    for name, seconds in (("import", 0.25), ("send", 1.0)):
        table = table.append_column(f"phase_{name}_seconds", pyarrow.array([seconds]))
    parquet.write_table(table, path)
    _, (read,) = load_trials(path)
    assert read.phases == {"start": 0.75, "wait": 1.25}


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but no more"])
def test_what_holds_no_trials_is_refused(tmp_path, content):
    """A missing or damaged file is named, with what to do."""
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoResults, match=r"x\.parquet .*materialize"):
        load_trials(path)
