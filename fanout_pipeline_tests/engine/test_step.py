"""A call inside a step of Dagster is told by its context."""

import pickle

import dagster as dg
import pytest

from fanout_pipeline import ItemFailed, fan_out, read_results

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An instance of Dagster that has a storage of its own."""
    monkeypatch.delenv("FANOUT_DATA", raising=False)
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def materialized(instance):
    """Materialize an asset of this function."""

    def materialize(function, **settings):
        asset = dg.asset(function, **settings)
        result = dg.materialize([asset], instance=instance, raise_on_error=False)
        (event,) = result.get_asset_materialization_events() or [None]
        if event is None:
            (failed,) = result.get_step_failure_events()
            raise RuntimeError(failed.step_failure_data.error.cause.message)
        return {name: one.value for name, one in event.materialization.metadata.items()}

    return materialize


def test_metadata_and_folder(materialized, tmp_path):
    """The step records how the call went; the results lie in Dagster's storage under the asset's key."""

    def doubled(context: dg.AssetExecutionContext) -> None:
        fan_out(str, range(3), context=context, strategy="threads")

    found = materialized(doubled, key=["raw", "doubled"])
    folder = tmp_path / "storage" / "fanout" / "_calls" / "raw" / "doubled" / "call"
    assert found.pop("wall_seconds") > 0
    assert found == {
        "strategy": "threads",
        "items": 3,
        "failed": 0,
        "retried": 0,
        "reused_items": 0,
        "folder": str(folder),
    }
    assert read_results(folder)["result"].tolist() == ["0", "1", "2"]


def test_a_call_with_a_key_tells_what_it_has_saved(materialized):
    """The step's metadata has the sentence; the call knows the results of the run before by the asset that it is in."""
    items = [1, 2, 3]

    def doubled(context: dg.AssetExecutionContext) -> None:
        fan_out(str, items, key="item", context=context, strategy="threads")

    assert materialized(doubled)["what_changed"] == "3 of 3 items called (3 new)"
    items[0] = 4
    found = materialized(doubled)
    said = "1 of 3 items called (1 new); 2 kept, which took "
    assert found["what_changed"].startswith(said)
    assert found["what_changed"].endswith("; 1 no longer in the input")
    assert found["changes"]["saved_calls"] == 2


def test_the_data_root_may_be_set(materialized, tmp_path, monkeypatch):
    """FANOUT_DATA is where results are kept, and one's own folder goes before it."""
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "data"))

    def called(context: dg.AssetExecutionContext) -> None:
        fan_out(str, range(3), context=context)
        fan_out(str, range(3), context=context, name="own", folder=tmp_path / "own")

    found = materialized(called)
    assert found["folder"] == str(tmp_path / "data" / "_calls" / "called" / "call")
    assert found["own/folder"] == str(tmp_path / "own")


@pytest.mark.parametrize("name", [None, "scores"])
def test_each_call_of_a_step_has_a_name(materialized, name):
    """A second call that would take the place of the first is refused before it starts."""

    def called(context: dg.AssetExecutionContext) -> None:
        fan_out(abs, range(3), context=context, name=name)
        fan_out(abs, range(4), context=context, name=name)

    with pytest.raises(RuntimeError, match="names each call, as in name='scores'"):
        materialized(called)


def test_calls_of_a_step(materialized):
    """With names there may be several, each with its metadata; one that has failed may be made again."""

    def called(context: dg.AssetExecutionContext) -> None:
        with pytest.raises(ItemFailed):
            fan_out(abs, ["text"], context=context, name="one")
        fan_out(abs, [-1], context=context, name="one")
        fan_out(abs, [-1, -2], context=context, name="two")

    found = materialized(called)
    assert [found["one/items"], found["two/items"]] == [1, 2]


def test_a_partition_has_a_folder(instance, tmp_path):
    """Its key may be any text, and no folder is another partition's."""
    keys = ["a/b", "a%2Fb", ".."]

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(keys))
    def called(context: dg.AssetExecutionContext) -> None:
        fan_out(str, [context.partition_key], context=context)

    for key in keys:
        dg.materialize([called], instance=instance, partition_key=key)
    root = tmp_path / "storage" / "fanout" / "_calls" / "called"
    found = {one.name: read_results(one / "call")["result"].tolist() for one in root.iterdir()}
    assert found == {
        "partition=a%2Fb": ["a/b"],
        "partition=a%252Fb": ["a%2Fb"],
        "partition=..": [".."],
    }


def test_where_there_is_not_one_asset(instance, tmp_path):
    """An op and an asset of several belong to their job; what cannot be metadata is in the log."""

    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        fan_out(abs, range(3), context=context)

    @dg.multi_asset(specs=[dg.AssetSpec("x"), dg.AssetSpec("y")])
    def both(context: dg.AssetExecutionContext):
        fan_out(abs, range(3), context=context)

    graph = dg.GraphDefinition("steps", node_defs=[step])
    graph.to_job().execute_in_process(instance=instance)
    assert dg.materialize([both], instance=instance).success
    root = tmp_path / "storage" / "fanout" / "_calls"
    assert len(read_results(root / "steps" / "step" / "call")) == 3
    assert len(list(root.glob("*/both/call"))) == 1


def test_an_asset_is_called_by_a_test():
    """Called directly, as tests do, it has a context, too, and each call of it one of its own."""

    @dg.asset
    def called(context: dg.AssetExecutionContext) -> list[int]:
        return list(fan_out(abs, [-1, -2], context=context))

    for _ in range(2):
        assert called(dg.build_asset_context()) == [1, 2]


def test_results_go_on_to_another_asset(instance):
    """They pass through an IO manager that pickles, wherever they are kept."""

    @dg.asset
    def kept(context: dg.AssetExecutionContext):
        return fan_out(abs, [-1, -2], context=context)

    @dg.asset
    def temporary():
        return fan_out(abs, [-1, -2])

    @dg.asset
    def together(kept, temporary):
        return [*kept, *temporary]

    result = dg.materialize([kept, temporary, together], instance=instance)
    assert result.output_for_node("together") == [1, 2, 1, 2]
    assert pickle.loads(pickle.dumps(result.output_for_node("kept")))[1] == 2
