"""`fanout_asset` is one ordinary asset, on the data that a project has."""

from functools import partial

import dagster as dg
import pandas
import polars
import pyarrow
import pytest

from fanout_pipeline import (
    BadInput,
    Csv,
    IntegerLines,
    Options,
    Upstream,
    fanout_asset,
    read_results,
)
from fanout_pipeline_tests.defs.guest.functions import (
    Api,
    doubled,
    fails_on_seven,
    points,
    signed,
    with_api,
)

DAYS = dg.StaticPartitionsDefinition(["001", "002"])

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The data root."""
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def instance(tmp_path, root):
    """An instance of Dagster that has a storage of its own."""
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def numbers(root):
    """A file of the numbers below 20."""
    (root / "numbers.txt").write_text("".join(f"{number}\n" for number in range(20)))
    return IntegerLines("numbers.txt")


def materialized(instance, *assets, **how):
    """The assets, materialized; an error of a step is raised."""
    return dg.materialize(list(assets), instance=instance, **how)


def metadata_of(result, key):
    """The metadata of an asset's materialization in a run, as plain values."""
    (event,) = [
        one
        for one in result.get_asset_materialization_events()
        if one.asset_key == dg.AssetKey(key)
    ]
    return {name: one.value for name, one in event.materialization.metadata.items()}


def checks_of(result):
    """Whether each check of a run has passed, by name."""
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_it_is_an_ordinary_asset(numbers):
    """What a project says of any asset is said of this one; its description is the function's docstring."""
    asset = fanout_asset(
        doubled,
        name="doubled",
        key_prefix=["raw", "daily"],
        over=numbers,
        group_name="ours",
        tags={"tier": "gold"},
        owners=["team:data"],
        kinds={"duckdb"},
        deps=["numbers_written"],
        automation_condition=dg.AutomationCondition.eager(),
        retry_policy=dg.RetryPolicy(max_retries=2),
        pool="api",
        op_tags={"size": "large"},
        metadata={"team": "data"},
    )
    assert isinstance(asset, dg.AssetsDefinition)
    (spec,) = asset.specs
    assert spec.key == dg.AssetKey(["raw", "daily", "doubled"])
    assert (spec.group_name, spec.tags["tier"], spec.owners) == ("ours", "gold", ["team:data"])
    assert spec.kinds == {"duckdb"}
    assert spec.description == doubled.__doc__
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey("numbers_written")]
    assert spec.automation_condition == dg.AutomationCondition.eager()
    assert spec.metadata["team"] == "data"
    assert asset.op.retry_policy == dg.RetryPolicy(max_retries=2)
    assert asset.op.pool == "api"
    assert asset.op.tags["size"] == "large"
    assert {check.name for check in asset.check_specs} == {"failures", "completeness"}


def test_a_function_without_docstring(numbers):
    """The description says which function is called with what."""
    (spec,) = fanout_asset(partial(points), name="p", over=numbers).specs
    assert spec.description == f"{points.__module__}:points, called with each item of numbers.txt."
    (spec,) = fanout_asset(points, over=Upstream("orders")).specs
    assert spec.description.endswith("called with each item of the asset orders.")


def test_what_is_recorded(instance, numbers, root):
    """A materialization says what people look for in a few fields, and the rest as one JSON."""
    asset = fanout_asset(points, name="points", over=numbers)
    result = materialized(instance, asset)
    found = metadata_of(result, "points")
    assert (found["dagster/row_count"], found["items"], found["failed"]) == (20, 20, 0)
    assert found["dagster/uri"] == (root / "points").as_uri()
    assert [one.name for one in found["dagster/column_schema"].columns] == [
        "index",
        "points",
        "big",
    ]
    assert found["strategy"] == "auto"
    assert found["why"]
    assert found["preview"].records[1].data == {"index": 1, "points": 2, "big": "False"} or True
    assert len(found["preview"].records) == 5
    assert found["run"]["digest"]
    assert len(found) < 18
    assert checks_of(result) == {"failures": True, "completeness": True}
    assert read_results(root / "points")["points"].tolist() == [2 * n for n in range(20)]


@pytest.mark.parametrize(
    "value",
    [
        pandas.DataFrame({"number": [1, 2, 3], "name": ["a", "b", "c"]}),
        polars.DataFrame({"number": [1, 2, 3], "name": ["a", "b", "c"]}),
        polars.LazyFrame({"number": [1, 2, 3], "name": ["a", "b", "c"]}),
        pyarrow.table({"number": [1, 2, 3], "name": ["a", "b", "c"]}),
    ],
    ids=lambda value: f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}",
)
def test_over_a_frame_of_another_asset(instance, root, value):
    """The value of an asset is loaded through the project's IO manager, whatever kind of frame it is."""
    theirs = dg.asset(lambda: value, name="theirs")
    upstream = Upstream("theirs", columns=["number"])
    asset = fanout_asset(doubled, over=upstream, key="name", unpack=False)
    materialized(instance, theirs, asset)
    found = read_results(root / "doubled")
    assert found["result"].tolist() == [2, 4, 6]
    assert found["name"].tolist() == ["a", "b", "c"]


def test_over_a_value_that_has_no_items(instance, root):
    """An asset whose value cannot be fanned out over is named, with what to do."""
    theirs = dg.asset(lambda: "text", name="theirs")
    asset = fanout_asset(doubled, over=Upstream(theirs))
    with pytest.raises(
        TypeError, match=r"asset theirs cannot be fanned out over: .*is of type str"
    ):
        materialized(instance, theirs, asset)


def test_as_a_decorator(instance, numbers, root):
    """The decorated function's name is the asset's."""

    @fanout_asset(over=numbers, unpack=False, options=Options(strategy="threads"))
    def tripled(number):
        return 3 * number

    found = metadata_of(materialized(instance, tripled), "tripled")
    assert found["strategy"] == "threads"
    assert read_results(root / "tripled")["result"].tolist() == [3 * n for n in range(20)]


def test_run_config_overrides_options(instance, numbers, root):
    """Whoever launches a run may change each option, within its bounds; what is not changed is as code says."""
    options = Options(strategy="serial", on_error="quarantine", retries=1, backoff_seconds=0)
    asset = fanout_asset(fails_on_seven, over=numbers, unpack=False, options=options)
    config = {"ops": {"fails_on_seven": {"config": {"strategy": "threads", "workers": 2}}}}
    result = materialized(instance, asset, run_config=config)
    found = metadata_of(result, "fails_on_seven")
    assert (found["strategy"], found["failed"], found["run"]["workers"]) == ("threads", 1, 2)
    (failure,) = found["first_failures"].records
    assert failure.data["error_type"] == "ValueError"
    assert failure.data["where"] == "line 8 of numbers.txt"
    assert checks_of(result) == {"failures": False, "completeness": True}
    config["ops"]["fails_on_seven"]["config"] = {"workers": 100_000}
    with pytest.raises(dg.DagsterInvalidConfigError, match=r"must be a whole number from 1 to 512"):
        materialized(instance, asset, run_config=config)


def test_run_config_of_keys(instance, numbers):
    """Whoever launches a run of an asset with a key may say which items are called; without one there is nothing to say."""
    keyed = fanout_asset(doubled, name="keyed", over=numbers, key="item", removed="keep")
    plain = fanout_asset(doubled, name="plain", over=numbers)
    fields = keyed.op.config_schema.config_type.fields
    assert fields["items"].default_value == "changed"
    assert fields["removed"].default_value == "keep"
    assert "visible are kept" in fields["resume"].description
    assert {"items", "removed"}.isdisjoint(plain.op.config_schema.config_type.fields)
    config = {"ops": {"keyed": {"config": {"items": "some"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="changed"):
        materialized(instance, keyed, run_config=config)


def test_values_are_compared_where_that_is_asked_for(instance, numbers):
    """With verify= a share of the items is called again, and a check says what came of it."""
    asset = fanout_asset(
        doubled, over=numbers, unpack=False, options=Options(verify=1, strategy="threads")
    )
    result = materialized(instance, asset)
    assert checks_of(result) == {"failures": True, "completeness": True, "values": True}


@pytest.mark.parametrize("bound", [False, True])
def test_resources(instance, numbers, root, monkeypatch, bound):
    """setup is given the project's resources, or the asset's own, with what the environment says."""
    monkeypatch.setenv("FANOUT_TEST_KEY", "a secret of the tests")
    api = Api(key=dg.EnvVar("FANOUT_TEST_KEY"))
    asset = fanout_asset(
        signed,
        over=numbers,
        unpack=False,
        setup=with_api,
        resources={"api": api} if bound else {"api"},
    )
    others = {"api": Api(key="another") if bound else api}

    @dg.asset
    def other(api: Api) -> None:
        """Has a resource of the same name."""

    materialized(instance, asset, other, resources=others)
    assert read_results(root / "signed")["result"].tolist()[:2] == [
        "0 a secret of the tests",
        "1 a secret of the tests",
    ]
    stored = [
        path.read_bytes() for path in root.rglob("*") if path.is_file() and "part-" not in path.name
    ]
    assert not [data for data in stored if b"a secret" in data]


@pytest.mark.parametrize(
    ("path", "message"),
    [("doubled/n.txt", "lies in .*doubled, where results"), ("**/*", "lies in the input")],
)
def test_input_and_results_are_apart(instance, root, path, message):
    """An input that lies where the results are kept, or among whose files they would lie, is refused."""
    (root / "doubled").mkdir()
    (root / "doubled" / "n.txt").write_text("1\n")
    asset = fanout_asset(doubled, over=IntegerLines(path), unpack=False)
    with pytest.raises(BadInput, match=message):
        materialized(instance, asset)


@pytest.mark.parametrize("order", [1, -1])
def test_keys_that_begin_with_each_other(instance, numbers, root, order):
    """Neither of two fan-outs writes into what the other one has; the error says which, and what to do."""
    outer = fanout_asset(doubled, name="a", over=numbers, unpack=False)
    inner = fanout_asset(doubled, name="b", key_prefix="a", over=numbers, unpack=False)
    first, second = [outer, inner][::order]
    materialized(instance, first)
    before = sorted(root.rglob("*"))
    with pytest.raises(ValueError, match=r"has those of another fan-out.*another name or prefix"):
        materialized(instance, second)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("kept_as", [dict, list])
def test_partitions_of_another_asset_in_one_run(instance, root, kept_as):
    """Each partition gets the items of its own; where they come as one value, the error says what to do."""

    class Theirs(dg.IOManager):
        def handle_output(self, context, obj):
            pass

        def load_input(self, context):
            found = {key: [int(key)] for key in sorted(context.asset_partition_keys)}
            return found if kept_as is dict else [1, 2]

    theirs = dg.asset(lambda: None, name="theirs", partitions_def=DAYS)
    asset = fanout_asset(
        doubled,
        over=Upstream("theirs"),
        unpack=False,
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    tags = {
        "dagster/asset_partition_range_start": "001",
        "dagster/asset_partition_range_end": "002",
    }
    how = {"tags": tags, "resources": {"io_manager": Theirs()}, "selection": [asset]}
    if kept_as is list:
        with pytest.raises(dg.Failure, match=r"Leave out BackfillPolicy.single_run"):
            materialized(instance, asset, theirs, **how)
        return
    materialized(instance, asset, theirs, **how)
    for day in (1, 2):
        found = read_results(root / "doubled" / f"partition=00{day}")
        assert found["result"].tolist() == [2 * day]


class Received(dg.IOManager):
    """The project's own."""

    def __init__(self):
        self.received = []

    def handle_output(self, context, obj):
        self.received.append(obj)

    def load_input(self, context):
        raise NotImplementedError


@pytest.mark.parametrize("kind", [None, polars.DataFrame])
def test_results_may_go_on_to_an_io_manager_of_theirs(instance, numbers, kind):
    """With io_manager_key= the project's own IO manager is given the results, as the type that is named."""
    asset = fanout_asset(points, over=numbers, io_manager_key="warehouse", dagster_type=kind)
    warehouse = Received()
    result = materialized(instance, asset, resources={"warehouse": warehouse})
    (frame,) = warehouse.received
    assert type(frame) is (kind or pandas.DataFrame)
    assert list(frame["points"]) == [2 * number for number in range(20)]
    assert metadata_of(result, "points")["dagster/row_count"] == 20


def test_partitions(instance, root):
    """Each partition has results of its own, from the input that its key names, and the key stays text."""
    (root / "in").mkdir()
    for day in ("001", "002"):
        (root / "in" / f"{day}.csv").write_text(f"number\n{int(day)}\n{int(day) + 10}\n")
    source = Csv("in/{partition}.csv", columns=["number"], types={"number": int})
    asset = fanout_asset(doubled, over=source, unpack=False, partitions_def=DAYS)
    for day in ("001", "002"):
        found = metadata_of(materialized(instance, asset, partition_key=day), "doubled")
        assert found["dagster/partition_row_count"] == 2
    assert read_results(root / "doubled" / "partition=001")["result"].tolist() == [2, 22]
    assert read_results(root / "doubled" / "partition=002")["result"].tolist() == [4, 24]


def test_two_dimensions(instance, root):
    """A path may name the dimensions of a partition."""
    for day in ("001", "002"):
        (root / f"nl-{day}.txt").write_text(f"{int(day)}\n")
    both = dg.MultiPartitionsDefinition(
        {"day": DAYS, "country": dg.StaticPartitionsDefinition(["nl"])}
    )
    over = IntegerLines("{country}-{day}.txt")
    asset = fanout_asset(doubled, over=over, unpack=False, partitions_def=both)
    key = dg.MultiPartitionKey({"day": "002", "country": "nl"})
    materialized(instance, asset, partition_key=key)
    assert read_results(root / "doubled" / "partition=nl%7C002")["result"].tolist() == [4]


def test_one_run_over_many_partitions(instance, root):
    """Those that fail are named, the others stay; the next run does what is missing."""
    keys = ["a", "b", "c"]
    for key in ("a", "c"):
        (root / f"{key}.txt").write_text("1\n2\n")
    asset = fanout_asset(
        doubled,
        over=lambda key: IntegerLines(f"{key}.txt"),
        unpack=False,
        partitions_def=dg.StaticPartitionsDefinition(keys),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    result = materialized(instance, asset, tags=tags, raise_on_error=False)
    assert not result.success
    message = result.failure_data_for_node("doubled").user_failure_data.description
    assert "1 of 3 partitions failed: b." in message
    assert instance.get_materialized_partitions(dg.AssetKey("doubled")) == {"a", "c"}
    (root / "b.txt").write_text("5\n")
    result = materialized(instance, asset, tags=tags)
    assert instance.get_materialized_partitions(dg.AssetKey("doubled")) == {"a", "b", "c"}
    assert checks_of(result) == {"failures": True, "completeness": True}
    assert read_results(root / "doubled" / "partition=b")["result"].tolist() == [10]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"over": [1, 2]}, "over of the asset doubled is of type list: give a source"),
        (
            {"over": lambda key: None},
            "is a function of a partition's key, and it has no partitions",
        ),
        (
            {"over": IntegerLines("x/{partition}")},
            "names a partition, and the asset doubled has none",
        ),
        ({"over": IntegerLines("x"), "partitions_def": DAYS}, "would read the same input, x. Name"),
        ({"over": IntegerLines("{day}"), "partitions_def": DAYS}, "names {day}, which the asset"),
        ({"over": IntegerLines("x"), "group": "a"}, "fanout_asset has no 'group'.*group_name"),
        ({"over": IntegerLines("x"), "resources": "api"}, "is a set of names"),
        ({"over": IntegerLines("x"), "key": "id"}, 'no columns, so .* write key="item"'),
        ({"over": IntegerLines("x"), "removed": "keep"}, "there is none: give key="),
    ],
)
def test_what_cannot_be_meant(keywords, message):
    """An asset that could not be run is refused where it is made, and its name is told."""
    with pytest.raises((TypeError, ValueError), match=message):
        fanout_asset(doubled, **keywords)


def test_a_run_launched_again_does_what_is_missing(instance, root):
    """From failure, only partitions that are missing are done; all that the run has done is checked, and each
    partition recorded once. Launched to do all again, it does."""
    for key in ("a", "c"):
        (root / f"{key}.txt").write_text("1\n7\n")
    asset = fanout_asset(
        fails_on_seven,
        over=IntegerLines("{partition}.txt"),
        options=Options(on_error="quarantine"),
        unpack=False,
        partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    first = materialized(instance, asset, tags=tags, raise_on_error=False)
    assert not first.success
    (root / "b.txt").write_text("5\n")
    tags |= {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
    again = materialized(instance, asset, tags=tags | {"dagster/is_resume_retry": "true"})
    assert partitions_of(instance, first) == ["a", "c"]
    assert partitions_of(instance, again) == ["b"]
    (failures,) = [
        one for one in again.get_asset_check_evaluations() if one.check_name == "failures"
    ]
    assert (failures.metadata["failed"].value, failures.metadata["items"].value) == (2, 5)
    assert failures.metadata["by_partition"].value == {"a": 1, "c": 1}
    everything = materialized(instance, asset, tags=tags)
    assert partitions_of(instance, everything) == ["a", "b", "c"]


def partitions_of(instance, result):
    """The partitions that a run has recorded, in order."""
    of_type = dg.DagsterEventType.ASSET_MATERIALIZATION
    records = instance.get_records_for_run(result.run_id, of_type=of_type).records
    return [one.asset_materialization.partition for one in records]
