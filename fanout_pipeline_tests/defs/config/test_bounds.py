"""A wrong value in run config is refused before a run exists, and the message says what is allowed."""

import dagster as dg
import pytest

from fanout_pipeline.definitions import defs
from fanout_pipeline.defs.config.asset_config import (
    BreakEvenConfig,
    NumbersFileConfig,
    TrialsConfig,
)
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.engine.registry import STRATEGIES


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"costs": ["burn 10 parsecs"]}, "burn 10 parsecs"),
        ({"costs": ["wait 0 ms"]}, "wait 0 ms"),
        ({"strategies": ["magic"]}, "must be one of serial, threads"),
        ({"strategies": ["threads", "auto"]}, "auto has no break-even of its own"),
        ({"budget_seconds": 0}, "from 1 to"),
        ({"repeats": 0}, "from 1 to"),
    ],
)
def test_a_wrong_break_even_setting_is_refused_before_the_run(setting, told):
    """Whoever mistypes a cost or a strategy reads what is allowed, and no run is created."""
    config = {"ops": {"squares__break_even": {"config": setting}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match=told):
        defs.resolve_job_def("break_even_job").execute_in_process(run_config=config)


def test_a_break_even_is_of_all_strategies_but_auto():
    """`auto` takes the way that pays: it is compared in trials, which may be named with it."""
    assert BreakEvenConfig().strategies == [name for name in STRATEGIES if name != "auto"]
    config = {"ops": {"squares__trials": {"config": {"strategies": ["auto"]}}}}
    assert dg.validate_run_config(defs.resolve_job_def("comparison_job"), config)
    assert "auto" in TrialsConfig().strategies


@pytest.mark.parametrize("concurrency", [0, 100_001])
def test_a_wrong_concurrency_is_refused_before_the_run(concurrency):
    """Whoever asks for no calls in flight, or for absurdly many, reads the bounds."""
    config = {"resources": {"fanout": {"config": {"concurrency": concurrency}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="from 1 to 100,000"):
        defs.resolve_job_def("serial_job").execute_in_process(run_config=config)


@pytest.mark.parametrize("steps", [0, -1, 513])
def test_a_wrong_number_of_steps_is_refused_before_the_run(steps):
    """Whoever asks for no steps at a time reads the bounds, and no run is created."""
    config = {"execution": {"config": {"max_concurrent": steps}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="from 1 to 512"):
        dg.validate_run_config(defs.resolve_job_def("multiprocess_job"), config)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"on_error": "ignore"}, "quarantine"),
        ({"failed_items": "zero"}, "omit"),
        ({"retries": -1}, "from 0 to 100"),
        ({"retry_on": ["os.system('x')"]}, "must be the name of an exception class"),
        ({"backoff_seconds": 61.0}, "from 0.0 to 60.0"),
        ({"item_timeout_seconds": 0.0}, "from 0.001 to"),
        ({"failed_share": 1.5}, "from 0.0 to 1.0"),
        ({"failed_share": float("nan")}, "from 0.0 to 1.0"),
        ({"worker_memory_mb": 1}, "from 64 to"),
    ],
)
def test_a_wrong_policy_for_failed_items_is_refused_before_the_run(setting, told):
    """Whoever mistypes what is to happen to failed items reads what is allowed."""
    config = {"resources": {"fanout": {"config": setting}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match=told):
        defs.resolve_job_def("serial_job").execute_in_process(run_config=config)


@pytest.mark.parametrize(
    ("resource", "setting", "told"),
    [("fanout", {"wokers": 2}, "wokers"), ("data_folder", {"root": ".."}, "root")],
)
def test_a_wrong_resource_is_refused_before_the_run(resource, setting, told):
    """Whoever mistypes a setting, or leads out of the data root, reads its name."""
    config = {"resources": {resource: {"config": setting}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match=told):
        defs.resolve_job_def("serial_job").execute_in_process(run_config=config)


@pytest.mark.parametrize(
    "model", [DataFolder, Fanout, NumbersFileConfig, TrialsConfig, BreakEvenConfig]
)
def test_every_field_of_config_is_described(model):
    """The launchpad explains every field that can be set."""
    fields = model.to_config_schema().as_field().config_type.fields
    assert fields
    for name, field in fields.items():
        assert field.description, f"{model.__name__}.{name}"
