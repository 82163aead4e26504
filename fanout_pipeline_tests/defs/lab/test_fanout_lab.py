"""The lab of a production fan-out stands beside it: names, folders and resources of its own, on a sample."""

import itertools
import json
from dataclasses import replace

import dagster as dg
import pytest

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    Options,
    Sql,
    TextLines,
    Upstream,
    fanout_asset,
    fanout_lab,
    read_results,
)
from fanout_pipeline_tests.defs.guest.functions import Api, doubled, signed, with_api

DAYS = dg.StaticPartitionsDefinition(["001", "002"])
DYNAMIC = dg.DynamicPartitionsDefinition(name="days")

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with a file of 300 numbers for each of two days."""
    root = tmp_path / "data"
    monkeypatch.setenv("FANOUT_DATA", str(root))
    (root / "inbox").mkdir(parents=True)
    for day, first in (("001", 1000), ("002", 2000)):
        text = "".join(f"{first + n}\n" for n in range(300))
        (root / "inbox" / f"{day}.txt").write_text(text)
    return root


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


class Theirs(dg.ConfigurableResource):
    """A resource that has the name of one of ours."""

    url: str = "theirs"


def project():
    """With an IO manager, an executor and resources of its own."""

    @dg.asset
    def table(fanout: Theirs, data_folder: Theirs) -> str:
        return fanout.url + data_folder.url

    return dg.Definitions(
        assets=[table],
        jobs=[dg.define_asset_job("everything")],
        resources={
            "io_manager": dg.InMemoryIOManager(),
            "fanout": Theirs(),
            "data_folder": Theirs(url="here"),
            "api": Api(key="theirs"),
        },
        executor=dg.in_process_executor,
    )


def partitioned(name="daily", partitions=DAYS, **more):
    source = IntegerLines("inbox/{partition}.txt")
    return fanout_asset(doubled, name=name, over=source, partitions_def=partitions, **more)


def run(definitions, instance, selection, job="__ASSET_JOB", **config):
    job = definitions.resolve_job_def(job)
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(key) for key in selection],
        run_config={"execution": {"config": {}}} | config if config else None,
    )


def test_a_lab_of_an_asset_with_a_key_calls_everything_each_time(root, instance):
    """Times are those of calls, however much of the input is as it was."""
    over = IntegerLines("inbox/001.txt")
    asset = fanout_asset(doubled, name="keyed", over=over, key="item", duplicates="once")
    lab = fanout_lab(asset, sample=5, baselines=False)
    for _ in range(2):
        result = run(lab, instance, [["keyed_lab", "serial"]])
        (event,) = result.get_asset_materialization_events()
        assert "what_changed" not in event.materialization.metadata
    found = read_results(root / "keyed_lab" / "serial")
    assert found.columns.tolist() == ["index", "result"]


def test_labs_merge_with_any_project_in_any_order(root):
    """Nothing clashes: two labs, the assets that they are of, and a project with everything of its own."""
    parts = [
        project(),
        dg.Definitions(assets=[daily := partitioned(), other := partitioned("other")]),
        fanout_lab(daily),
        fanout_lab(other, sample=None, cron_schedule="0 3 * * *"),
        fanout_lab(FanoutSpec("plain", IntegerLines("inbox/001.txt"), doubled), baselines=False),
    ]
    for order in itertools.permutations(parts):
        merged = dg.Definitions.merge(*order)
        assert merged.executor is dg.in_process_executor
    dg.Definitions.validate_loadable(merged)
    graph = merged.resolve_asset_graph()
    groups = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.path[0])
    assert groups == {
        "default": {"table", "daily", "other"},
        **{f"{name}_lab": {f"{name}_lab"} for name in ("daily", "other", "plain")},
    }
    strategies = {key.path[1] for key in graph.get_all_asset_keys() if key.path[0] == "plain_lab"}
    assert {"serial", "threads", "multiprocess", "auto", "trials", "comparison"} < strategies
    assert not strategies & {"queue", "indexed_queue", "pool_map"}
    repository = merged.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB", "everything"}
    kinds = ("comparison_job", "break_even_job")
    assert jobs == {f"{name}_lab_{kind}" for name in ("daily", "other", "plain") for kind in kinds}
    assert [one.name for one in repository.schedule_defs] == ["other_lab_schedule"]


@pytest.mark.slow
def test_a_lab_measures_a_sample_and_leaves_the_asset_alone(root, instance):
    """Of the latest partition, in a folder of its own; the report says how it was taken, and what to write."""
    daily = partitioned(partitions=DYNAMIC, options=Options(retries=1, on_error="quarantine"))
    instance.add_dynamic_partitions("days", ["001", "002"])
    definitions = dg.Definitions.merge(
        project(), dg.Definitions(assets=[daily]), fanout_lab(daily, sample=64, how="spread")
    )
    keys = {key.path[-1] for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert not keys & {"queue", "indexed_queue", "pool_map"}  # They refuse these options.
    names = [key for key in keys if key not in ("daily", "table", "break_even")]
    brief = {"rounds": 1, "warm_up_rounds": 0, "budget_seconds": 120, "strategies": ["threads"]}
    result = definitions.resolve_job_def("daily_lab_comparison_job").execute_in_process(
        instance=instance,
        run_config={"ops": {"daily_lab__trials": {"config": brief}}},
    )
    assert result.success
    made = {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()}
    assert made == {f"daily_lab/{name}" for name in names}
    assert instance.get_latest_materialization_event(daily.key) is None
    numbers = read_results(root / "daily_lab" / "threads")["result"].tolist()
    assert len(numbers) == 64
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1] > 2 * 2270) == (4000, True)
    assert {path.name for path in root.iterdir()} == {"inbox", "daily_lab"}
    report = json.loads((root / "daily_lab" / "comparison" / "report.json").read_text())
    assert (report["name"], report["items"]) == ("daily_lab", 64)
    assert report["options"] is None  # One round tells nothing.
    assert 0 <= report["run"]["other_load"] <= 1
    page = (root / "daily_lab" / "comparison" / "report.md").read_text()
    assert "64 items of" in page
    assert "in 32 runs that are evenly spread over it" in page
    result = definitions.resolve_job_def("daily_lab_comparison_job").execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["daily_lab", "serial"])],
        run_config={"resources": {"daily_lab": {"config": {"partition": "001"}}}},
    )
    assert read_results(root / "daily_lab" / "serial")["result"][0] == 2000


def test_the_asset_s_own_and_the_project_s_resources_reach_setup(root, instance):
    """As in production: `setup` gets the same, from where the asset has it."""
    source = IntegerLines("inbox/001.txt")
    how = {"over": source, "setup": with_api, "unpack": False}
    own = fanout_asset(signed, name="own", resources={"api": Api(key="own")}, **how)
    shared = fanout_asset(signed, name="shared", resources={"api"}, **how)
    definitions = dg.Definitions.merge(
        fanout_lab(own, sample=2),
        fanout_lab(shared, sample=2),
        dg.Definitions(assets=[own, shared]),
        project(),
    )
    for name, key in (("own", "own"), ("shared", "theirs")):
        result = definitions.resolve_job_def(f"{name}_lab_comparison_job").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey([f"{name}_lab", "serial"])]
        )
        assert result.success
        found = read_results(root / f"{name}_lab" / "serial")["result"].tolist()
        assert found == [f"1000 {key}", f"1001 {key}"]


def test_what_has_no_lab_is_refused_with_what_to_do(root):
    """Before there is a run."""
    upstream = fanout_asset(doubled, name="scored", over=Upstream("orders"))
    with pytest.raises(ValueError, match=r"value of the asset orders, .* a FanoutSpec over that"):
        fanout_lab(upstream)

    @dg.asset
    def plain() -> int:
        return 1

    with pytest.raises(TypeError, match="an asset of fanout_asset, or a FanoutSpec, not Assets"):
        fanout_lab(plain)
    spec = FanoutSpec("texts", TextLines("{partition}.txt"), len)
    with pytest.raises(ValueError, match="names a partition: give its key"):
        fanout_lab(spec)
    fanout_lab(spec, partition="001")
    whole = fanout_asset(doubled, name="whole", over=IntegerLines("inbox/001.txt"))
    with pytest.raises(ValueError, match="whole has no partitions: leave out partition='001'"):
        fanout_lab(whole, partition="001")
    with pytest.raises(ValueError, match="items must be at least 1"):
        fanout_lab(replace(spec, source=TextLines("a.txt")), sample=0)
    query = FanoutSpec("rows", Sql("SELECT 1", "env:URL"), len)
    keys = {one.key.path[-1] for one in fanout_lab(query).assets}
    assert "dagster_multiprocess" not in keys
