"""Failed items as Dagster shows them: a check, a count, a table, and the pipeline goes on."""

import dagster as dg
import pytest
from markdown_it import MarkdownIt

from fanout_pipeline import FanoutSpec, IntegerLines, read_failures, read_results
from fanout_pipeline.defs.assets.checks import failures_result
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout, failure_config
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.measuring.trials.store import load_trials
from fanout_pipeline_tests.defs import functions
from fanout_pipeline_tests.names import BASELINES, STRATEGIES

SPEC = FanoutSpec(
    "fragile",
    IntegerLines("input.txt"),
    functions.fails_on_sevens,
    functions.fails_on_sevens_batch,
)

RELIABLE = [name for name in STRATEGIES if name not in BASELINES]


@pytest.fixture
def materialize(tmp_path, tmp_path_factory):
    """Materializes assets of SPEC by name, of the integers below 100."""

    def materialize(*names, run_config=None, **fanout):
        (tmp_path / "input.txt").write_text("".join(f"{n}\n" for n in range(100)))
        with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("instance"))) as instance:
            return dg.materialize(
                fanout_assets(SPEC),
                selection=[dg.AssetKey(["fragile", name]) for name in names],
                instance=instance,
                resources={
                    "data_folder": DataFolder(root=str(tmp_path)),
                    "fanout": Fanout(workers=2, chunks=4, on_error="quarantine", **fanout),
                    IO_MANAGER: json_io_manager,
                },
                run_config=run_config,
                raise_on_error=False,
            )

    return materialize


def checks(result):
    return {
        (e.asset_key.path[-1], e.check_name): e
        for e in result.get_asset_check_evaluations()
        if e.asset_key.path[-1] not in ("trials", "comparison")
    }


def metadata(result, name):
    (found,) = (
        m.step_materialization_data.materialization.metadata
        for m in result.get_asset_materialization_events()
        if m.asset_key.path[-1] == name
    )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("failed_items", ["null", "omit"])
def test_the_comparison_goes_on_without_the_failed_items(materialize, tmp_path, failed_items):
    """All but the baselines are made; each says which items failed, the trials why queue is left out."""
    one_round = {"rounds": 1, "warm_up_rounds": 0, "budget_seconds": 60}
    trials = {"config": one_round | {"strategies": ["threads", "queue"]}}
    result = materialize(
        *RELIABLE,
        "trials",
        "comparison",
        run_config={"ops": {"fragile__trials": trials}},
        failed_items=failed_items,
        failed_share=0.2,
    )
    assert result.success
    found = checks(result)
    for (strategy, name), check in found.items():
        assert check.passed == (name != "failures"), (strategy, name)
    for strategy in RELIABLE:
        check = found[strategy, "failures"]
        assert check.severity is dg.AssetCheckSeverity.WARN
        assert check.description == "15 of 100 items failed (15.00%)."
        assert metadata(result, strategy)["failed"].value == 15
        folder = tmp_path / "fragile" / strategy
        assert read_failures(folder)["index"].tolist() == list(range(0, 100, 7))
        assert len(read_results(folder)) == (100 if failed_items == "null" else 85)
    (file,) = (tmp_path / "fragile" / "trials").glob("*.parquet")
    run, done = load_trials(file)
    assert {trial.strategy for trial in done} == {"serial", "threads"}
    assert all(trial.correct for trial in done)
    assert not run.failures
    assert "queue was left out. " in run.remarks[0]
    assert "does not support on_error='quarantine'" in run.remarks[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_refuses_a_quarantine(materialize, tmp_path, name):
    """Its step fails before anything is read, and says which option it lacks and what to use."""
    result = materialize(name)
    assert not result.success
    (failure,) = (e.event_specific_data.error for e in result.get_step_failure_events())
    told = str(failure.cause or failure)
    assert f"{name} is kept for comparison only, and does not support on_error='quarantine'" in told
    assert "Use multiprocess instead." in told
    assert not (tmp_path / "fragile").exists()


@pytest.mark.slow
def test_too_many_failures_are_an_error(materialize):
    """Beyond the share that was set the check is an error, in serial, too."""
    result = materialize("serial", "threads", failed_share=0.1)
    assert result.success
    for strategy in ("serial", "threads"):
        check = checks(result)[strategy, "failures"]
        assert not check.passed
        assert check.severity is dg.AssetCheckSeverity.ERROR
        assert check.metadata["share"].value == pytest.approx(0.15)


@pytest.mark.slow
def test_failures_are_shown_as_text(materialize):
    """The first failures are a table in the UI, in which hostile values are nothing but text."""
    result = materialize("serial")
    shown = metadata(result, "serial")["first_failures"].value
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(shown)
    cells = [
        tokens[number + 1].children
        for number, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    assert len(cells) == 10 * 5
    assert {child.type for cell in cells for child in cell} == {"text"}
    assert "".join(child.content for child in cells[4]) == functions.HOSTILE.replace(
        "\x1b", "\\x1b"
    )


@pytest.mark.slow
def test_items_are_recorded_only_where_that_is_wanted(materialize):
    """Without `record_items` the table has places and types of errors, and metadata have no first results."""
    found = metadata(materialize("serial", record_items=False), "serial")
    assert "first_10_results" not in found
    index, where, item, *_ = found["first_failures"].value.splitlines()[2].strip("|").split("|")
    assert (index.strip(), item.strip()) == ("0", "")
    assert "line 1 of " in where


@pytest.mark.slow
def test_a_reference_of_another_policy_is_not_compared_with(materialize):
    """Results without rows are checked against a reference without rows, made for it where `verify` asks for it."""
    assert materialize("serial", failed_items="omit").success
    result = materialize("threads", "dagster_multiprocess", failed_items="null", verify=1.0)
    for strategy in ("threads", "dagster_multiprocess"):
        for name in ("order", "completeness", "values"):
            check = checks(result)[strategy, name]
            assert check.passed
            assert (
                check.metadata["checked_against"].value
                == "a serial run, in a worker process, made for this check"
            )
    assert materialize("serial", failed_items="null").success
    result = materialize("threads", failed_items="null")
    check = checks(result)["threads", "values"]
    assert check.metadata["checked_against"].value == "fragile/serial"


class Record:
    def __init__(self, failed, items):
        self.failed, self.items = failed, items


@pytest.mark.parametrize(
    ("failed", "items", "share", "passed", "severity"),
    [
        (0, 0, 0.0, True, "WARN"),
        (0, 10, 0.0, True, "WARN"),
        (1, 10, 0.0, False, "ERROR"),
        (1, 10, 0.1, False, "WARN"),
        (2, 10, 0.1, False, "ERROR"),
        (10, 10, 1.0, False, "WARN"),
    ],
)
def test_the_share_decides_how_grave_failures_are(failed, items, share, passed, severity):
    """Up to the share a warning, beyond it an error; without any the check passes."""
    check = failures_result(dg.AssetKey("a"), Record(failed, items), share)
    assert (check.passed, check.severity.value) == (passed, severity)


def test_options_survive_as_run_config():
    """What a trial's own Dagster run is configured with gives the policy that the trial has."""
    fanout = Fanout(
        workers=1,
        on_error="quarantine",
        failed_items="omit",
        retries=3,
        retry_on=["OSError", "json.JSONDecodeError"],
        backoff_seconds=0.5,
        item_timeout_seconds=2.0,
    )
    options = fanout.options()
    assert Fanout(**failure_config(options)).options().failures == options.failures
    assert Fanout(**failure_config(Fanout(workers=1).options())).options().failures == (
        Fanout().options().failures
    )
