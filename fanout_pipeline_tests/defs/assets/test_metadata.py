"""What an asset's materialization says of its results."""

import json

import dagster as dg

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.defs.assets.metadata import run_metadata, strategy_metadata
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.metadata import plain_values
from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline_tests.contract.functions import columns
from fanout_pipeline_tests.contract.rows import write_rows
from fanout_pipeline_tests.contract.runs import spec_of


def test_the_columns_are_shown(tmp_path):
    """The UI knows which columns there are, and of which types, without reading a file; and what else is
    recorded of a run can be written as JSON, as a trial does."""
    source, _ = write_rows(tmp_path / "orders.jsonl", 20)
    spec = spec_of("serial", source, columns.as_dataclass, keep=("order",), unpack=True)
    folder = tmp_path / "orders" / "serial"
    run = run_strategy(STRATEGIES["serial"], spec, folder, Options(workers=1))
    metadata = strategy_metadata(run, verify(spec, folder, run), folder, [])
    shown = {one.name: one.type for one in metadata["dagster/column_schema"].columns}
    assert shown == {
        "index": "int64",
        "order": "string",
        "score": "double",
        "even": "bool",
        "day": "date32[day]",
    }
    recorded = dg.AssetMaterialization("orders", metadata=metadata).metadata
    assert json.loads(json.dumps(plain_values(recorded)))["items"] == 20


def test_how_many_files_are_visible_is_shown(tmp_path):
    """Beside the number of chunks that were done, of which small ones became one file."""
    source, _ = write_rows(tmp_path / "orders.jsonl", 20)
    spec = spec_of("serial", source, columns.as_dataclass)
    folder = tmp_path / "orders" / "serial"
    run = run_strategy(STRATEGIES["serial"], spec, folder, Options(workers=1, chunks=20))
    metadata = run_metadata(run, folder, [])
    assert metadata["chunks"] == 20
    assert metadata["part_files"] == len(list(folder.glob("part-*"))) == 1


def test_what_auto_chose_is_shown(tmp_path):
    """Beside its times one reads the way that it took, in a sentence, and how many workers it had; other strategies
    choose nothing."""
    source, _ = write_rows(tmp_path / "orders.jsonl", 20)

    def metadata(name):
        spec, folder = spec_of(name, source, columns.scored), tmp_path / "orders" / name
        run = run_strategy(STRATEGIES[name], spec, folder, Options(workers=2))
        return run_metadata(run, folder, [])

    auto, multiprocess = metadata("auto"), metadata("multiprocess")
    assert auto.keys() - multiprocess.keys() == {"choice"}
    assert " an item" in auto["choice"]
    assert auto["workers"] == len(auto["worker_pids"].value)


def test_the_code_version_of_auto_is_of_both_functions():
    """It may call either, so its asset is stale once one of them has changed."""

    def version(function, batch_function):
        spec = FanoutSpec("n", IntegerLines("n.txt"), function, batch_function=batch_function)
        assets = {asset.key.path[-1]: asset for asset in fanout_assets(spec)}
        return assets["auto"].specs_by_key[dg.AssetKey(["n", "auto"])].code_version

    pairs = [(abs, None), (abs, sorted), (abs, list), (int, sorted)]
    assert len({version(*pair) for pair in pairs}) == len(pairs)
    assert version(columns.scored, None) == function_fingerprint(columns.scored)


def test_the_code_version_says_which_columns_there_are():
    """An asset is stale once its results have other columns, or are of another stated type."""

    def version(**said):
        spec = FanoutSpec("orders", IntegerLines("n.txt"), columns.scored, **said)
        return fanout_assets(spec)[0].specs_by_key[dg.AssetKey(["orders", "serial"])].code_version

    said = [{}, {"keep": ("a",)}, {"unpack": True}, {"result_type": int}, {"result_type": float}]
    assert len({version(**one) for one in said}) == len(said)
    assert version() == function_fingerprint(columns.scored)
