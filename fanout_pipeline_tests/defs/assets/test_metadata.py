"""What an asset's materialization says of its results."""

from fanout_pipeline import Options
from fanout_pipeline.defs.assets.metadata import strategy_metadata
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline_tests.contract.functions import columns
from fanout_pipeline_tests.contract.rows import write_rows
from fanout_pipeline_tests.contract.runs import spec_of


def test_the_columns_are_shown(tmp_path):
    """The UI knows which columns there are, and of which types, without reading a file."""
    source, _ = write_rows(tmp_path / "orders.jsonl", 20)
    spec = spec_of("serial", source, columns.as_dataclass, keep=("order",), unpack=True)
    folder = tmp_path / "orders" / "serial"
    run = run_strategy(STRATEGIES["serial"], spec, folder, Options(1, "none"))
    metadata = strategy_metadata(run, verify(spec, folder, run), folder, [])
    shown = {one.name: one.type for one in metadata["dagster/column_schema"].columns}
    assert shown == {
        "index": "int64",
        "order": "string",
        "score": "double",
        "even": "bool",
        "day": "date32[day]",
    }
