"""All assets of a fan-out, materialized in this process: for the example and for another."""

import json
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    Sql,
    TextLines,
    read_results,
)
from fanout_pipeline.definitions import build_definitions, defs
from fanout_pipeline.defs.assets.chunk_graph import chunk_graph_asset
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets, fanout_definitions
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.measuring.trials.store import load_trials
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.defs import functions
from fanout_pipeline_tests.names import METADATA, STRATEGIES
from fanout_pipeline_tests.results.layout import generations

pytestmark = pytest.mark.slow

CUBES = FanoutSpec(
    name="cubes",
    source=IntegerLines("input/edges.txt"),
    function=functions.cube,
    batch_function=functions.cube_batch,
)
COMPARED = [dg.AssetKey(["cubes", name]) for name in (*STRATEGIES, "trials", "comparison")]
ONE_ROUND = {"budget_seconds": 120, "rounds": 1, "warm_up_rounds": 0}
"""Trials that end when each strategy has run once, on however busy a machine."""
BRIEF = {"ops": {"cubes__trials": {"config": ONE_ROUND}}}


@pytest.fixture
def instance(tmp_path_factory):
    """A Dagster instance in memory, with its files in a folder of pytest's."""
    with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


def materialized(instance, root, assets, selection=None, run_config=None, **fanout):
    return dg.materialize(
        assets,
        selection=selection,
        instance=instance,
        resources={
            "data_folder": DataFolder(root=str(root)),
            "fanout": Fanout(**fanout),
            IO_MANAGER: json_io_manager,
        },
        run_config=run_config,
        raise_on_error=False,
    )


@pytest.fixture
def materialize(instance, tmp_path):
    """Materializes assets, under the data root `tmp_path`."""
    return partial(materialized, instance, tmp_path)


def write_edges(folder):
    """Input for CUBES, with cubes inside and far outside int64."""
    random.seed(5)
    numbers = [random.randrange(-(10**9), 10**9) for _ in range(500)]
    (folder / "input").mkdir()
    (folder / "input" / "edges.txt").write_text("".join(f"{n}\n" for n in numbers))
    return numbers


@pytest.fixture
def edges(tmp_path):
    return write_edges(tmp_path)


@dataclass(frozen=True)
class Compared:
    """Every strategy of CUBES materialized, with trials and comparison."""

    result: dg.ExecuteInProcessResult
    root: Path
    edges: list[int]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    root = tmp_path_factory.mktemp("compared")
    edges = write_edges(root)
    with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("instance"))) as instance:
        result = materialized(
            instance, root, fanout_assets(CUBES), COMPARED, BRIEF, workers=2, chunks=3
        )
        yield Compared(result, root, edges)


def test_another_function_is_fanned_out_like_the_example(compared):
    """Nothing knows about squares: another function and file get all assets from the one factory."""
    assets = fanout_assets(CUBES)
    keys = {f"cubes/{strategy}" for strategy in STRATEGIES}
    keys |= {"cubes/trials", "cubes/comparison", "cubes/break_even"}
    assert {asset.key.to_user_string() for asset in assets} == keys
    assert compared.result.success
    expected = [n**3 for n in compared.edges]
    for strategy in STRATEGIES:
        results = read_results(compared.root / "cubes" / strategy)["result"].tolist()
        assert (sorted(results) if strategy == "queue" else results) == (
            sorted(expected) if strategy == "queue" else expected
        ), strategy
    comparison = compared.root / "cubes" / "comparison"
    report = json.loads((comparison / "report.json").read_text())
    assert (report["name"], report["items"]) == ("cubes", 500)
    # Materialized from Python: no other process could load this code location.
    assert set(report["strategies"]) == set(STRATEGIES) - {"dagster_multiprocess"}
    assert any("dagster_multiprocess" in remark for remark in report["run"]["remarks"])
    assert "square" not in (comparison / "report.md").read_text()
    assert {path.name for path in compared.root.iterdir()} == {"input", "cubes"}


def test_two_fan_outs_live_in_one_location():
    """A second fan-out can be added to the example's code location without a clash of names."""
    location = dg.Definitions.merge(build_definitions(), dg.Definitions(fanout_assets(CUBES)))
    dg.Definitions.validate_loadable(location)
    keys = {key.path[0] for key in location.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {"numbers_file", "squares", "cubes"}


def test_a_location_keeps_its_own_io_manager():
    """Fan-outs are merged into a project that has an IO manager of its own, which its assets go on using."""

    @dg.asset
    def theirs() -> int:
        return 1

    manager = dg.InMemoryIOManager()
    location = dg.Definitions.merge(
        fanout_definitions(CUBES),
        dg.Definitions([theirs], resources={"io_manager": manager}),
    )
    job = location.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=[theirs.key])
    assert result.success
    assert manager.values


def test_a_function_without_batches_has_no_vectorized():
    """Whoever has a function for single items only gets every strategy that can use it."""
    spec = FanoutSpec("cubes", CUBES.source, functions.cube)
    keys = {asset.key.path[-1] for asset in fanout_assets(spec)}
    assert keys == {*STRATEGIES, "trials", "comparison", "break_even"} - {"vectorized"}


@pytest.mark.parametrize(
    ("source", "has_steps"),
    [
        (TextLines("a.txt"), True),
        (TextLines("a.txt.gz"), False),
        (Sql("SELECT 1", "env:ORDERS_URL"), False),
    ],
)
def test_what_is_spooled_has_no_chunk_steps(source, has_steps):
    """Steps are cut before they begin, so there is no asset of them for what can only be cut once it was read."""
    keys = {asset.key.path[-1] for asset in fanout_assets(FanoutSpec("texts", source, len))}
    assert ("dagster_multiprocess" in keys) == has_steps
    assert "multiprocess" in keys


def test_an_async_function_has_asyncio_beside_all_others(materialize, tmp_path, edges):
    """An async function gets the strategy that awaits it, with checks and trials, in its own steps, too."""
    spec = FanoutSpec("cubes", CUBES.source, functions.cube_async)
    assets = fanout_assets(spec)
    keys = {asset.key.path[-1] for asset in assets}
    assert keys == {*STRATEGIES, "asyncio", "trials", "comparison", "break_even"} - {"vectorized"}
    made = ("serial", "threads", "asyncio", "multiprocess", "dagster_multiprocess")
    trials = {"config": {"rounds": 1, "strategies": ["asyncio", "threads"]}}
    result = materialize(
        assets,
        selection=[dg.AssetKey(["cubes", name]) for name in (*made, "trials")],
        run_config={"ops": {"cubes__trials": trials}},
        workers=2,
        concurrency=50,
    )
    assert result.success
    passed = {(e.asset_key.path[-1], e.passed) for e in result.get_asset_check_evaluations()}
    assert passed == {(name, True) for name in made}
    for name in made:
        results = read_results(tmp_path / "cubes" / name)["result"].tolist()
        assert results == [n**3 for n in edges], name
    (file,) = (tmp_path / "cubes" / "trials").glob("*.parquet")
    run, found = load_trials(file)
    assert run.options["concurrency"] == 50
    assert {trial.strategy for trial in found} == {"serial", "asyncio", "threads"}


def test_recorded_metadata_is_complete_and_true(compared):
    """Each strategy records the metadata of the design, by the same names and of the same types."""
    digests = set()
    for strategy in STRATEGIES:
        event = next(
            m
            for m in compared.result.get_asset_materialization_events()
            if m.asset_key.to_user_string() == f"cubes/{strategy}"
        )
        found = {
            name: value.value
            for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        assert set(found) >= METADATA, strategy
        assert found["items"] == 500
        assert (found["missing"], found["duplicated"], found["wrong"]) == (0, 0, 0)
        assert found["wall_seconds"] > 0
        assert found["items_per_second"] == pytest.approx(500 / found["wall_seconds"])
        # Beyond 2**53 a browser would round a number: it is recorded as text.
        shown = [int(number) for number in found["first_10_results"]]
        assert len(shown) == 10
        if strategy != "queue":
            assert found["in_order"] is True
            assert shown == [n**3 for n in compared.edges[:10]]
            digests.add(found["digest"])
            manifest = ResultFolder(compared.root / "cubes" / strategy).manifest()
            assert found["digest"] == manifest.digest
    assert len(digests) == 1


def test_checks_are_recorded_for_every_strategy(compared):
    """Failures, and of all but serial order, completeness and values, are checked where they are made."""
    found = {
        (e.asset_key.path[-1], e.check_name): e.passed
        for e in compared.result.get_asset_check_evaluations()
        if e.asset_key.path[-1] != "comparison"
    }
    assert set(found) == {
        (strategy, name)
        for strategy in STRATEGIES
        for name in ("failures", "order", "completeness", "values")
        if strategy != "serial" or name == "failures"
    }
    assert all(passed for key, passed in found.items() if key != ("queue", "order"))


def test_a_comparison_of_no_numbers(materialize, tmp_path):
    """An empty file is squared, too; what cannot be told from it is said to be so."""
    trials = {"config": ONE_ROUND | {"strategies": ["threads"]}}
    run_config = {"ops": {"numbers_file": {"config": {"count": 0}}, "squares__trials": trials}}
    selection = defs.resolve_job_def("comparison_job").asset_layer.executable_asset_keys
    result = materialize(defs.assets, selection=list(selection), run_config=run_config, workers=2)
    assert result.success
    assert (tmp_path / "numbers.txt").read_bytes() == b""
    for strategy in STRATEGIES:
        assert len(read_results(tmp_path / "squares" / strategy)) == 0, strategy
    folder = tmp_path / "squares" / "comparison"
    report = json.loads((folder / "report.json").read_text())
    assert report["items"] == 0
    assert report["verdict"]["use"] == "cannot tell"
    assert all(found["ratio"] is None for found in report["strategies"].values())
    assert "nan" not in (folder / "report.md").read_text().lower()


@pytest.mark.parametrize("strategy", ["serial", "multiprocess", "dagster_multiprocess"])
def test_a_failing_function_fails_its_asset_and_keeps_earlier_results(
    materialize, tmp_path, strategy
):
    """What the function raised is said with the item and its line; earlier results stay."""
    (tmp_path / "input").mkdir()
    file = tmp_path / "input" / "edges.txt"
    spec = FanoutSpec("fragile", CUBES.source, functions.fails_on_7, functions.fails_on_7_batch)
    assets = fanout_assets(spec)
    selection = [dg.AssetKey(["fragile", strategy])]
    file.write_text("1\n2\n3\n")
    assert materialize(assets, selection=selection, workers=2).success
    file.write_text("".join(f"{n}\n" for n in range(20)))
    result = materialize(assets, selection=selection, workers=2, chunks=2)
    assert not result.success
    causes = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                causes.append(error.message)
                error = error.cause
    told = "\n".join(causes)
    assert "ArithmeticError: seven is too much" in told
    assert str(file) in told
    assert f"line 8 of {file}" in told
    assert read_results(tmp_path / "fragile" / strategy)["result"].tolist() == [1, 2, 3]


def test_comparison_of_results_that_were_never_made_says_so(materialize, edges):
    """Whoever compares too early is told which asset to materialize first."""
    result = materialize(fanout_assets(CUBES), selection=[dg.AssetKey(["cubes", "comparison"])])
    assert not result.success
    (failure,) = result.get_step_failure_events()
    message = failure.step_failure_data.error.message
    told = message + str(failure.step_failure_data.user_failure_data)
    assert "cubes/trials was never materialized" in told


def test_a_break_even_is_measured_for_another_function(materialize, tmp_path, edges):
    """Any fan-out has its break-even: recorded, drawn and reported, and nothing else is left."""
    setting = {"budget_seconds": 60, "largest": 1000, "per_decade": 1, "repeats": 1}
    setting |= {"costs": ["wait 1 ms"], "strategies": ["threads", "vectorized"]}
    result = materialize(
        fanout_assets(CUBES),
        selection=[dg.AssetKey(["cubes", "break_even"])],
        run_config={"ops": {"cubes__break_even": {"config": setting}}},
        workers=2,
    )
    assert result.success
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["items"].value == 500
    assert metadata["timed_runs"].value > 5
    assert metadata["earlier_timed_runs"].value == 0
    assert metadata["report"].value.count("data:image/png;base64,") == 2
    assert [row["strategy"] for row in (record.data for record in metadata["table"].records)] == [
        "threads",
        "vectorized",
    ]
    folder = tmp_path / "cubes" / "break_even"
    names = {path.name for path in folder.iterdir()} - {"_lock"}
    assert names == {
        "break_even.json", "break_even.md", "lines.png", "winners.png", "samples.parquet"
    }  # fmt: skip
    assert {path.name for path in folder.parent.iterdir()} == {"break_even"}
    record = json.loads((folder / "break_even.json").read_text())
    assert {row["strategy"] for row in record["by_items"]} == {"threads", "vectorized"}
    assert "square" not in (folder / "break_even.md").read_text()


@pytest.mark.parametrize(
    ("count", "workers"), [(0, 2), (1, 2), (2, 1), (99, 2), (10_000, 1), (10_000, 5)]
)
def test_chunk_steps_keep_the_contract(materialize, tmp_path, count, workers):
    """`dagster_multiprocess` gives `[f(int(line)) for line in file]`, however it is cut."""
    (tmp_path / "input").mkdir()
    numbers = list(range(-(count // 2), count - count // 2))
    random.seed(count)
    random.shuffle(numbers)
    (tmp_path / "input" / "edges.txt").write_text("\n".join(map(str, numbers)))
    graph = chunk_graph_asset(CUBES, "1", {})
    result = materialize([graph], workers=workers)
    assert result.success
    folder = tmp_path / "cubes" / "dagster_multiprocess"
    results = read_results(folder)
    assert results["index"].tolist() == list(range(count))
    assert results["result"].tolist() == [n**3 for n in numbers]
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks == dict.fromkeys(("order", "completeness", "values", "failures"), True)
    assert generations(folder) == {folder.resolve()}
