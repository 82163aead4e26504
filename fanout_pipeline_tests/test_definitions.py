"""What Dagster is told of: complete, described, and named as others rely on."""

import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fanout_pipeline import FanoutSpec, IntegerLines
from fanout_pipeline.definitions import build_definitions, defs
from fanout_pipeline.defs.assets.numbers import SQUARES
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.lab.factory import fanout_assets, fanout_definitions
from fanout_pipeline.defs.lab.schedules import nightly_comparison
from fanout_pipeline_tests.names import BASELINES, PROMISED, STRATEGIES

PROJECT = Path(__file__).parents[1]
JOBS = {
    "comparison_job": {
        "numbers_file",
        *(f"squares/{strategy}" for strategy in STRATEGIES),
        "squares/trials",
        "squares/comparison",
    },
    "serial_job": {"numbers_file", "squares/serial"},
    "multiprocess_job": {"numbers_file", "squares/multiprocess", "squares/dagster_multiprocess"},
    "break_even_job": {"numbers_file", "squares/break_even"},
}
ASSETS = set().union(*JOBS.values())

IN_A_FRESH_PROCESS = """
import importlib, json, sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}: it is for development", name=name)

BLOCKED = set(sys.argv[1:])
sys.meta_path.insert(0, Blocked())
from fanout_pipeline.definitions import defs
import dagster as dg
dg.Definitions.validate_loadable(defs)
from fanout_pipeline.defs.config.dagster_executors import PRELOAD
for module in PRELOAD:
    importlib.import_module(module)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def in_a_fresh_process(*arguments):
    """What another process prints, in which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_modules(*blocked):
    """The top-level modules of a fresh process that has loaded the code location."""
    return set(json.loads(in_a_fresh_process("-c", IN_A_FRESH_PROCESS, *blocked)))


def test_loads_without_development_packages_and_without_tests():
    """A deployment needs what `dependencies` lists, and never sees a module of the tests."""
    blocked = (
        "pytest",
        "_pytest",
        "pytest_timeout",
        "hypothesis",
        "playwright",
        "mypy",
        "flit_core",
        "ruff",
        "dagster_dg_cli",
        "dagster_dg_core",
        "fanout_pipeline_tests",
    )
    loaded = loaded_modules(*blocked)
    assert "fanout_pipeline" in loaded
    assert not loaded & set(blocked)


def test_blocked_packages_are_those_of_the_dev_extra():
    """A blocked module is really out of reach, so that the test above can fail."""
    with pytest.raises(AssertionError, match="No module named 'pandas'"):
        loaded_modules("pandas")


def test_definitions_load_without_what_only_steps_need():
    """The web server, the daemon and each command load the definitions: what is large, or much of
    Dagster itself, waits for a step or for a run."""
    program = "import json, sys, fanout_pipeline.definitions; print(json.dumps([*sys.modules]))"
    loaded = set(json.loads(in_a_fresh_process("-c", program)))
    for name in (
        "matplotlib",
        "numpy",
        "pandas",
        "pyarrow",
        "scipy",
        "psutil",
        "sqlalchemy",
        "upath",
        "fanout_pipeline.reporting",
        "fanout_pipeline.measuring.trials",
        "fanout_pipeline.defs.trial_runs.chunk_run",
        "fanout_pipeline.executor.forked_executor",
        "fanout_pipeline.executor.dagster_internals",
        "dagster._core.execution.plan.active",
    ):
        assert name not in loaded, name


def test_pyproject_and_workspace_name_the_same_location():
    """`dg` commands and `dagster dev -w workspace.yaml` load the same module by the same name."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    loaded = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"]
    assert loaded == [
        {
            "python_module": {
                "module_name": project["code_location_target_module"],
                "location_name": project["code_location_name"],
            }
        }
    ]
    assert project["code_location_target_module"] == "fanout_pipeline.definitions"


def test_assets_are_those_of_the_design(graph):
    """The asset keys that readers and other projects rely on are there, and no others."""
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == ASSETS


def test_no_strategy_that_is_promised_is_missing():
    """Strategies may be added; one that is renamed or removed is missed by those who rely on it."""
    assert set(PROMISED) <= set(STRATEGIES)


def test_edges_are_those_of_the_design(graph):
    """Every strategy reads the numbers file, as does the break-even; the trials wait for every
    strategy, the comparison for them all."""
    squares = {f"squares/{strategy}" for strategy in STRATEGIES}
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "numbers_file": set(),
        **{key: {"numbers_file"} for key in squares | {"squares/break_even"}},
        "squares/trials": squares,
        "squares/comparison": squares | {"squares/trials"},
    }


def test_assets_say_what_their_function_depends_on():
    """Every strategy's asset lists what the fan-out names, as it names it."""
    spec = replace(SQUARES, depends_on=("rates.json", Path("tables"), "env:RATES_URL"))
    for asset in fanout_assets(spec)[: len(STRATEGIES)]:
        (found,) = asset.metadata_by_key.values()
        assert found["depends_on"] == ["rates.json", "tables", "env:RATES_URL"]


def test_what_writes_the_source_may_have_a_prefix():
    """An upstream asset with a key of several parts is the parent of every strategy."""
    spec = replace(SQUARES, name="events", upstream=("raw/events",))
    graph = fanout_definitions(spec).resolve_asset_graph()
    for strategy in (*STRATEGIES, "break_even"):
        parents = graph.get(dg.AssetKey(["events", strategy])).parent_keys
        assert parents == {dg.AssetKey(["raw", "events"])}, strategy


def test_several_fan_outs_make_one_location():
    """Each fan-out has jobs of its own, which make nothing of another's."""
    two = fanout_definitions(replace(SQUARES, name="one"), replace(SQUARES, name="two"))
    dg.Definitions.validate_loadable(two)
    for name in ("one", "two"):
        job = two.resolve_job_def(f"{name}_comparison_job")
        selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        assert selected == {f"{name}/{asset}" for asset in (*STRATEGIES, "trials", "comparison")}


@pytest.mark.parametrize("name", JOBS)
def test_jobs_select_what_the_design_says(name):
    """Each job makes the assets it is described to make."""
    job = defs.resolve_job_def(name)
    selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert selected == JOBS[name]
    assert job.description


def test_no_jobs_but_those_of_the_design():
    """Nobody finds a job in the UI that the guide does not name."""
    names = {job.name for job in defs.resolve_all_job_defs()}
    assert {name for name in names if not name.startswith("__")} == set(JOBS)


@pytest.mark.parametrize(
    ("name", "executor"),
    [
        ("serial_job", "in_process"),
        ("comparison_job", "preloaded_multiprocess"),
        ("multiprocess_job", "preloaded_multiprocess"),
        ("break_even_job", "preloaded_multiprocess"),
    ],
)
def test_executor_of_each_job(name, executor):
    """The serial job starts no process; the others give each step its own."""
    executors = {
        "in_process": dg.in_process_executor,
        "preloaded_multiprocess": defs.executor,
    }
    assert defs.resolve_job_def(name).executor_def is executors[executor]


def test_schedule_is_there_and_stopped():
    """Nothing runs at night until somebody starts the schedule."""
    assert [schedule.name for schedule in defs.schedules] == ["nightly_comparison"]
    schedule = defs.schedules[0]
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert (schedule.job_name, schedule.cron_schedule) == ("comparison_job", "0 2 * * *")
    assert schedule.execution_timezone == "UTC"
    assert schedule.description


def test_another_schedule_takes_the_place_of_the_nightly_one():
    """A deployment's own schedule replaces the default and changes nothing else."""
    own = nightly_comparison("* * * * *", dg.DefaultScheduleStatus.RUNNING)
    built = build_definitions(schedule=own)
    assert list(built.schedules) == [own]
    keys = {key.to_user_string() for key in built.resolve_asset_graph().get_all_asset_keys()}
    assert keys == ASSETS


def test_every_asset_is_described_and_owned(graph):
    """The reader of the asset graph finds out what each asset is, who owns it and what made it."""
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners == ["team:fanout"], key
        assert node.kinds, key
        assert node.group_name == ("numbers" if key.path == ["numbers_file"] else "squares")


def test_every_check_is_described(graph):
    """Each strategy has four checks, the reference one, the verdict two; each says what it means."""
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {(spec.asset_key.to_user_string(), spec.name) for spec in specs} == {
        (f"squares/{strategy}", name)
        for strategy in STRATEGIES
        for name in ("order", "completeness", "values", "failures")
        if strategy != "serial" or name == "failures"
    } | {("squares/comparison", name) for name in ("verdict_trusted", "verdict_unchanged")}
    assert all(spec.description for spec in specs)


def test_every_op_is_described():
    """The steps of the chunk graph explain themselves in the UI, too."""
    job = defs.resolve_job_def("comparison_job")
    for node in job.all_node_defs:
        if node.name.startswith("squares"):
            assert node.description, node.name


def test_resources_have_the_names_of_the_design():
    """Run config that names `data_folder` and `fanout` is understood."""
    assert {"data_folder", "fanout"} <= set(defs.resources)
    assert DataFolder().root == "data"


def test_environment_sets_the_data_root():
    """FANOUT_DATA moves all data without any run config."""
    code = "from fanout_pipeline.definitions import defs; print(defs.resources['data_folder'].root)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"FANOUT_DATA": "/somewhere/else", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "/somewhere/else"


def test_baselines_have_assets_where_they_can_run():
    """They have none where a worker cannot import the function, or where they are not wanted."""
    source = IntegerLines("input.txt")
    by_name = FanoutSpec("work", source, abs)
    by_value = FanoutSpec("work", source, lambda number: number)

    def keys(*arguments, **more):
        return {asset.key.path[-1] for asset in fanout_assets(*arguments, **more)}

    assert keys(by_name) >= set(BASELINES)
    assert keys(by_value) == keys(by_name, baselines=False) == keys(by_name) - set(BASELINES)
