"""Run config names no code and leads nowhere but into the data root; code and deployer stay free."""

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._config.config_type import ConfigTypeKind

from fanout_pipeline import BadInput, FanoutSpec, Files, IntegerLines
from fanout_pipeline.definitions import build_definitions, defs
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.data_root import OutsideDataRoot
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline_tests.defs import functions

JOBS = {job.name: job for job in defs.get_repository_def().get_all_jobs()}


@dg.asset
def root_of(data_folder: DataFolder) -> dg.MaterializeResult:
    Path(data_folder.root).mkdir(parents=True, exist_ok=True)
    return dg.MaterializeResult(metadata={"root": data_folder.root})


@pytest.fixture
def root(tmp_path):
    """A data root with a folder, a link to the folder beside it, and one to the whole disk."""
    root = tmp_path / "data"
    (root / "in").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (root / "out").symlink_to(tmp_path / "beside")
    (root / "disk").symlink_to("/")
    return root


def with_root(path):
    return {"resources": {"data_folder": {"config": {"root": path}}}}


def root_in_run(deployed, config=None):
    """What the data root is in a step, given what was deployed and what run config says."""
    location = dg.Definitions([root_of], resources={"data_folder": DataFolder(root=deployed)})
    with dg.DagsterInstance.ephemeral() as instance:
        job = location.resolve_implicit_global_asset_job_def()
        run_config = {} if config is None else with_root(config)
        result = job.execute_in_process(instance=instance, run_config=run_config)
        (made,) = result.asset_materializations_for_node("root_of")
    return made.metadata["root"].value


def test_the_deployed_root_holds_where_run_config_says_nothing(root):
    """Who deploys chooses any folder of the disk."""
    assert root_in_run(str(root)) == str(root)


@pytest.mark.parametrize("inside", [".", "in", "in/new", "new/deep", "in/../new"])
def test_run_config_may_name_a_folder_in_the_root(root, inside):
    """A run may keep its data apart, in a folder that need not be there yet, named from the root or from /."""
    assert root_in_run(str(root), inside) == f"{root}/{inside}"
    assert root_in_run(str(root), f"{root}/{inside}") == f"{root}/{inside}"


def test_a_relative_root_is_where_dagster_was_started(root, monkeypatch):
    """The usual `data` is found there; a folder in it is named from it, and it itself by its own name."""
    monkeypatch.chdir(root.parent)
    assert root_in_run("data", "new") == f"{root}/new"
    assert root_in_run("data", "beside") == f"{root}/beside"
    assert root_in_run("data", "data") == root_in_run("data") == "data"
    assert root_in_run("data", str(root / "in")) == f"{root}/in"
    with pytest.raises(dg.DagsterInvalidConfigError, match="lies outside of the data root"):
        root_in_run("data", "../beside")


@pytest.mark.parametrize(
    "outside",
    ["..", "../beside", "in/../..", "out", "out/new", "disk/tmp", "new/../../beside", "../data2"],
)
def test_run_config_is_refused_outside_of_the_root(root, outside):
    """Neither `..` nor a link leads out, and nothing is made there: no run is created."""
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        root_in_run(str(root), f"{root}/{outside}")
    with pytest.raises(dg.DagsterInvalidConfigError, match="lies outside of the data root"):
        root_in_run(str(root), outside)
    (error,) = caught.value.errors
    assert f"lies outside of the data root '{root}'. Name a folder in it" in error.message
    assert sorted(root.parent.rglob("*")) == before


@pytest.mark.parametrize("home", ["~", "~/data", "~root"])
def test_run_config_names_no_home(root, home):
    """~ is a shell's: a folder of that name would be made, which who removes it by hand would regret."""
    with pytest.raises(dg.DagsterInvalidConfigError, match="~ is not expanded"):
        root_in_run(str(root), home)


@pytest.mark.parametrize("absolute", ["/", "/etc", "/tmp"])
def test_run_config_names_no_other_absolute_path(root, absolute):
    """An absolute path is a path like any other: inside of the root, or refused."""
    with pytest.raises(dg.DagsterInvalidConfigError, match="lies outside of the data root"):
        root_in_run(str(root), absolute)


@pytest.mark.parametrize("strange", ["", "a\0b", "\x1b[2J", "a\nb", "\ud800", "\u202ea"])
def test_run_config_names_a_path_that_can_be_shown(root, strange):
    """What could not be written to a log as it is, is no path."""
    with pytest.raises(dg.DagsterInvalidConfigError, match="must be printable text"):
        root_in_run(str(root), strange)


def test_an_environment_variable_leads_nowhere_else(root, monkeypatch):
    """Dagster lets run config name a variable: what it holds is looked at, and is not told."""
    monkeypatch.setenv("INSIDE", f"{root}/in")
    monkeypatch.setenv("SECRET", "/hunter2")
    monkeypatch.setenv("RELATIVE", "in/new")
    assert root_in_run(str(root), {"env": "INSIDE"}) == f"{root}/in"
    assert root_in_run(str(root), {"env": "RELATIVE"}) == f"{root}/in/new"
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        root_in_run(str(root), {"env": "SECRET"})
    assert "'SECRET' names no path in the data root" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_root_may_be_deployed_by_an_environment_variable(root, monkeypatch):
    """`dagster.EnvVar`, which is looked up when a run begins, bounds run config like a path."""
    monkeypatch.setenv("DEPLOYED", str(root))
    assert root_in_run(dg.EnvVar("DEPLOYED")) == str(root)
    assert root_in_run(dg.EnvVar("DEPLOYED"), f"{root}/in") == f"{root}/in"
    assert root_in_run(dg.EnvVar("DEPLOYED"), "in") == f"{root}/in"
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("DEPLOYED", "data")
    assert root_in_run(dg.EnvVar("DEPLOYED")) == "data"
    with pytest.raises(dg.DagsterInvalidConfigError):
        root_in_run(dg.EnvVar("DEPLOYED"), str(root.parent))


def test_a_link_made_after_the_run_was_created_leads_nowhere(root):
    """The step looks once more: a folder may have become a link since run config was."""
    location = dg.Definitions([root_of], resources={"data_folder": DataFolder(root=str(root))})
    resource = location.resources["data_folder"]
    initialize = resource.get_resource_definition().resource_fn
    with pytest.raises(OutsideDataRoot):
        initialize(dg.build_init_resource_context(config={"root": f"{root}/out"}))


def test_a_location_whose_root_is_named_at_launch_is_bounded_too(root, monkeypatch):
    """Where code leaves the root to run config, it lies in FANOUT_DATA all the same."""
    monkeypatch.setenv("FANOUT_DATA", str(root))
    resources = {"data_folder": DataFolder.configure_at_launch()}
    location = dg.Definitions([root_of], resources=resources)
    job = location.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(run_config=with_root(f"{root}/in")).success
    with pytest.raises(dg.DagsterInvalidConfigError, match="lies outside of the data root"):
        job.execute_in_process(run_config=with_root(str(root.parent)))


@pytest.mark.parametrize("names", [("..",), ("a", "..", ".."), ("/etc",), ("out", "x"), ("a\0",)])
def test_names_under_the_root_stay_there(root, names):
    """No name that an asset puts under the root leads out of it."""
    folder = DataFolder(root=str(root))
    assert folder.path("a", "b") == root / "a" / "b"
    with pytest.raises(OutsideDataRoot):
        folder.path(*names)


def fan_out(path):
    return FanoutSpec(name="cubes", source=IntegerLines(str(path)), function=functions.cube)


def test_a_source_that_a_link_leads_out_is_refused(root):
    """A link among the data cannot make a run read another file; code may name any, absolutely."""
    secret = root.parent / "beside" / "secret.txt"
    secret.write_text("1\n")
    (root / "numbers.txt").symlink_to(secret)
    folder = DataFolder(root=str(root))
    with pytest.raises(
        OutsideDataRoot, match=r"numbers.txt', which is .*secret.txt', lies outside"
    ):
        folder.located(fan_out("numbers.txt"))
    assert folder.located(fan_out(secret)).source.path == str(secret)
    (root / "in" / "numbers.txt").write_text("1\n")
    (root / "link.txt").symlink_to("in/numbers.txt")
    assert folder.located(fan_out("link.txt")).source.path == str(root / "link.txt")


@pytest.mark.parametrize(
    ("path", "apart"),
    [
        ("cubes", False),
        ("cubes/serial", False),
        (".", False),
        ("*", False),
        ("*/*", False),
        ("**/*.parquet", False),
        ("cube[s]/**/part-*", False),
        ("**/*.csv", True),
        ("cubes/*.parquet", True),
        ("cubes/orders.parquet", True),
        ("cubes2", True),
        ("in/cubes", True),
    ],
)
def test_results_are_not_written_among_the_input(root, path, apart):
    """A folder or glob that the results would lie in is refused before anything is read: they would be
    read as input the next time."""
    (root / "cubes" / "serial").mkdir(parents=True)
    folder = DataFolder(root=str(root))
    for spec in (fan_out(path), fan_out(root / path)):
        if apart:
            folder.located(spec)
        else:
            with pytest.raises(
                BadInput, match=r"would be written to .*cubes\S*, which lies in the"
            ):
                folder.located(spec)
    files = FanoutSpec("cubes", Files(path), functions.cube)
    assert folder.located(files).source == Files(str(root / path))  # it reads no folders below


def test_a_step_refuses_before_it_reads_or_writes(root):
    """The assets of every fan-out ask for their places in this way, and leave nothing behind."""
    (root / "numbers.txt").symlink_to("/etc/hostname")
    serial = next(a for a in fanout_assets(fan_out("numbers.txt")) if a.key.path[-1] == "serial")
    resources = {"data_folder": DataFolder(root=str(root)), "fanout": Fanout(workers=1)}
    before = sorted(root.rglob("in*"))
    result = dg.materialize([serial], resources=resources, raise_on_error=False)
    (failed,) = result.get_step_failure_events()
    assert "lies outside of the data root" in failed.step_failure_data.error.cause.message
    assert sorted(root.rglob("in*")) == before
    assert not (root / "cubes").exists()


def fields(config_type, path=()):
    """Every field that can be set, by its path, with its type."""
    kind = config_type.kind
    if ConfigTypeKind.is_shape(kind) or kind == ConfigTypeKind.SELECTOR:
        for name, field in config_type.fields.items():
            yield from fields(field.config_type, (*path, name))
    elif kind in (ConfigTypeKind.NONEABLE, ConfigTypeKind.ARRAY):
        yield from fields(config_type.inner_type, path)
    else:
        yield path, config_type


HARMLESS_TEXTS = {
    ("loggers", "console", "config", "log_level"),
    ("loggers", "console", "config", "name"),
    # A label in Dagster's own events.
    ("execution", "config", "marker_to_close"),
}
NUMBERS = ("IntSourceType", "BoolSourceType", "Bool", "Int_", "Float_")
CHOICES = ("StrategyName", "TrialName", "Cost")
COMPARED = ("ErrorName",)
"""Names that those of an error's classes are compared with: nothing is looked up or imported by them."""


@pytest.mark.parametrize("name", JOBS)
def test_no_field_of_run_config_names_code_or_a_path(name):
    """Of all that can be set, in any job, only `root` is a path; all else is a number or a choice."""
    for path, config_type in fields(JOBS[name].run_config_schema.config_type):
        key = config_type.key
        allowed = (
            config_type.kind == ConfigTypeKind.ENUM
            or key.startswith(NUMBERS)
            or key in CHOICES + COMPARED
            or (
                path == ("resources", "data_folder", "config", "root")
                and key.startswith("DataRoot_")
            )
            or path in HARMLESS_TEXTS
            # What takes no config takes any, and looks at none.
            or (config_type.kind == ConfigTypeKind.ANY and path[-1] == "config")
        )
        assert allowed, f"{'.'.join(path)}: {key}"


def test_the_example_is_deployed_by_the_environment(root, monkeypatch):
    """FANOUT_DATA is what bounds run config of this project's own jobs."""
    monkeypatch.setenv("FANOUT_DATA", os.fspath(root))
    job = build_definitions().resolve_job_def("serial_job")
    run_config = with_root(f"{root}/in") | {"ops": {"numbers_file": {"config": {"count": 10}}}}
    assert job.execute_in_process(run_config=run_config).success
    assert (root / "in" / "squares" / "serial" / "_manifest.json").is_file()
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config=with_root(str(root.parent)))
