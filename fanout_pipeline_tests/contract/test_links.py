"""Links in the data root, planted before a run or by the function, lead no run out of it."""

import os
import pickle
import shutil
import uuid
from dataclasses import asdict, replace

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results, write_results
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.measuring.break_even.added_cost import Calibration, Cost
from fanout_pipeline.measuring.break_even.grid import Cell, Grid, Sample
from fanout_pipeline.measuring.break_even.measure import Settings, measure_break_even
from fanout_pipeline.measuring.break_even.sample_file import SampleFile
from fanout_pipeline.measuring.break_even.timed_runs import timed_runs
from fanout_pipeline.measuring.comparison.history import keep_trusted
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.measuring.trials.store import save_trials, trial_file
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.reporting.report import write_report
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract.functions.planting_links import GUILTY, ITEMS, Function, plant
from fanout_pipeline_tests.measuring.trials.simulated import trial_run
from fanout_pipeline_tests.results.files.contents import contents

pytestmark = pytest.mark.slow
CHUNKS = 4
QUARANTINE = FailurePolicy(on_error="quarantine")
EXPECTED = [None if item == GUILTY else 2 * item for item in range(ITEMS)]
PLACES = [
    "squares",
    "squares/_runs",
    "squares/_runs/{name}",
    "squares/_runs/{name}/*",
    "squares/_runs/{name}/_lock",
    "squares/_runs/{name}/*/_lock",
    "squares/_runs/{name}/*/_ledger.jsonl",
    "squares/_runs/{name}/*/part-*.parquet",
    "squares/_runs/{name}/*/_failed-*.parquet",
    "squares/_runs/{name}/*/_failures.parquet",
    "squares/_runs/{name}/*/_manifest.json",
    "squares/{name}",
]
"""All that a fan-out makes in its data root."""
OF_STEPS = [
    "squares/_runs/{name}/_beginning",
    "squares/_runs/{name}/*/_begun.json",
    "squares/_runs/{name}/*/_owner",
]
"""And what only steps do that somebody else starts."""
IN_WORKERS = [
    *PLACES[:4],
    "squares/_runs/{name}/*/_ledger.jsonl",
    "squares/_runs/{name}/*/part-*.parquet",
]
"""Of these, what is of interest where other processes write."""


def every_kind(in_workers):
    """In the step's own process, in workers, and as in processes of somebody else's."""
    cases = [("serial", place) for place in PLACES]
    cases += [("dagster_multiprocess", place) for place in [*PLACES, *OF_STEPS]]
    cases += [("multiprocess", place) for place in in_workers]
    return pytest.mark.parametrize(("name", "place"), cases)


def spec_of(folder, function):
    return FanoutSpec("squares", IntegerLines(str(folder / "data" / "numbers.txt")), function)


def run(name, folder, function, method="forkserver"):
    """Fan out by a strategy of the registry, or as Dagster's steps do it, and check the results."""
    spec, results = spec_of(folder, function), folder / "data" / "squares" / name
    if name in STRATEGIES:
        options = Options(workers=2, start_method=method, **asdict(QUARANTINE))
        made = run_strategy(
            STRATEGIES[name],
            spec,
            results,
            replace(options, chunks=CHUNKS),
            ledger=True,
            resume=True,
        )
    else:
        scattered = joined(spec, results, uuid.uuid4().hex)
        answers = [scattered.run_chunk(one.start, one.stop) for one in scattered.scatter()]
        made = scattered.gather(answers)
    assert verify(spec, results, made, QUARANTINE).check.in_order


def joined(spec, results, run):
    options = Options(workers=2, chunks=CHUNKS, **asdict(QUARANTINE))
    return ScatteredRun.join(
        results.name,
        spec,
        results,
        options,
        run,
        is_over=lambda generation: True,
        rest=STRATEGIES["serial"],
    )


@pytest.fixture(scope="module")
def earlier_runs(tmp_path_factory):
    """By strategy, a data root with a run that was committed, one that died, and one whose steps did."""
    made = {}

    def of(name):
        if name not in made:
            folder = made[name] = tmp_path_factory.mktemp(name)
            (folder / "data").mkdir()
            (folder / "data" / "numbers.txt").write_text("".join(f"{n}\n" for n in range(ITEMS)))
            run(name, folder, Function(folder))
            target = ResultFolder(folder / "data" / "squares" / name)
            steps = joined(spec_of(folder, abs), target.path, "other-run")
            last = steps.scatter()[-1]
            steps.run_chunk(last.start, last.stop)
            dies = Function(folder, ends_on=ITEMS - 1)
            with pytest.raises(KeyboardInterrupt):
                run_strategy(
                    STRATEGIES["serial"],
                    spec_of(folder, dies),
                    target.path,
                    Options(workers=1, **asdict(QUARANTINE), chunks=CHUNKS),
                    ledger=True,
                )
        return made[name]

    return of


@pytest.fixture
def folder(tmp_path):
    for name in ("outside", "away"):
        (tmp_path / name).mkdir()
    for name in ("file", "_lock", "part-00000.parquet"):
        (tmp_path / "outside" / name).write_text("theirs")
    return tmp_path


def refused_or_right(name, folder, function):
    """Run, and see that results are right or refused for a link, and nothing outside has changed."""
    refused = None
    try:
        run(name, folder, function)
    except CannotWrite as error:
        refused = str(error)
    assert contents(folder / "outside") == pickle.loads((folder / "before").read_bytes())
    if refused is None:
        results = read_results(folder / "data" / "squares" / name)
        assert results["result"].tolist() == EXPECTED
    else:
        assert "is a symbolic link to" in refused
        assert "remove the link" in refused


@every_kind(PLACES[1:3])
def test_a_link_that_was_there_before_the_run(name, place, folder, earlier_runs):
    """In the place of any folder or file of ours: what it leads to is not changed, nor added to."""
    shutil.copytree(earlier_runs(name) / "data", folder / "data", symlinks=True)
    found = plant(folder, place.format(name=name))
    assert found or "failed-" in place
    refused_or_right(name, folder, Function(folder))


@every_kind(IN_WORKERS)
def test_a_link_that_the_function_makes(name, place, folder, earlier_runs):
    """In the midst of a run, too."""
    shutil.copytree(earlier_runs(name) / "data", folder / "data", symlinks=True)
    refused_or_right(name, folder, Function(folder, place.format(name=name)))


def saves_trials(folder):
    run = trial_run()
    save_trials(trial_file(folder, run), run, [])


def measures(folder):
    spec = FanoutSpec("squares", IntegerLines("numbers.txt"), abs)
    grid = Grid((1,), (), ("serial",), frozenset(), 1)
    measure_break_even(spec, folder, Options(workers=1), grid, Settings(1))


def sweeps(folder):
    with timed_runs(None, None, None, folder):
        pass


def appends(folder):
    file = SampleFile(folder / "samples.parquet", {}, Calibration(1e8, 2e-7))
    file.append(Sample("serial", Cell(Cost(), 10), 1, 0.5))


LAB = {
    "numbers": lambda folder: write_numbers(folder / "numbers.txt", 3),
    "trials": saves_trials,
    "report": lambda folder: write_report(folder, None, None, [], {"times": b"PNG"}),
    "last trusted": lambda folder: keep_trusted(folder, {"run": {"run_id": "1"}}),
    "samples": appends,
    "sweep": measures,
    "scratch": sweeps,
}


@pytest.mark.parametrize("what", LAB)
@pytest.mark.parametrize("deep", [False, True])
def test_what_a_comparison_leaves_is_not_written_through_a_link(what, deep, folder):
    """Trials, reports and samples go into folders of their own, which may not be links either."""
    link = folder / "data" / "squares"
    link.parent.mkdir()
    link.symlink_to(folder / "outside")
    before = contents(folder / "outside")
    place = link / "there" if deep else link
    with pytest.raises(CannotWrite, match=f"{link} is a symbolic link to"):
        LAB[what](place)
    assert contents(folder / "outside") == before


def test_a_link_among_what_killed_sweeps_have_left_is_removed(folder):
    """Only the link is: what it leads to is not of any sweep."""
    (folder / "_break_even-1").symlink_to(folder / "outside")
    before = contents(folder / "outside")
    sweeps(folder)
    assert contents(folder / "outside") == before
    assert not os.path.lexists(folder / "_break_even-1")


def test_a_link_in_the_place_of_the_input_is_replaced(folder):
    """Writing the numbers anew leaves what was linked to as it was."""
    (folder / "numbers.txt").symlink_to(folder / "outside" / "file")
    write_numbers(folder / "numbers.txt", 2)
    assert (folder / "outside" / "file").read_text() == "theirs"
    assert (folder / "numbers.txt").read_text() == "0\n1\n"
    assert not (folder / "numbers.txt").is_symlink()


@pytest.mark.parametrize(
    "leads_to",
    ["..", ".", "_runs", "_runs/serial", "_runs/serial/..", "_runs/serial/_lock", "/", ""],
)
def test_a_visible_link_that_is_none_of_ours_names_no_earlier_results(leads_to, folder):
    """It is replaced, and nothing is removed because of it."""
    squares = folder / "data" / "squares"
    squares.mkdir(parents=True)
    (squares / "notes.txt").write_text("mine")
    (squares / "serial").symlink_to(leads_to or folder / "outside")
    before = contents(folder / "outside")
    write_results(squares / "serial", [1])
    write_results(squares / "serial", [2])
    assert read_results(squares / "serial")["result"].tolist() == [2]
    assert contents(folder / "outside") == before
    assert sorted(os.listdir(squares)) == ["_runs", "notes.txt", "serial"]
