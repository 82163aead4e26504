"""A Python function over many items, in Dagster: fanned out, proved and kept.

This is the public surface. A name is imported when it is asked for, so that a worker process
imports no more than it uses.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fanout_pipeline.defs.component.fanout import Fanout
    from fanout_pipeline.defs.guest.asset import fanout_asset
    from fanout_pipeline.defs.guest.upstream import Upstream
    from fanout_pipeline.defs.lab.fanout_lab import fanout_lab
    from fanout_pipeline.engine.fan_out import fan_out
    from fanout_pipeline.engine.model.cluster import Cluster
    from fanout_pipeline.engine.model.errors import (
        BudgetSpent,
        ClusterFailed,
        ItemFailed,
        SetupFailed,
        WorkerDied,
    )
    from fanout_pipeline.engine.model.options import Options
    from fanout_pipeline.engine.model.spec import FanoutSpec
    from fanout_pipeline.results.failures import read_failures
    from fanout_pipeline.results.read_results import iter_results, read_results
    from fanout_pipeline.results.results import Results
    from fanout_pipeline.results.store.manifest import NoResults
    from fanout_pipeline.results.write_results import write_results
    from fanout_pipeline.sources.csv_files import Csv
    from fanout_pipeline.sources.file_handle import FileHandle
    from fanout_pipeline.sources.integer_lines import IntegerLines
    from fanout_pipeline.sources.json_lines import JsonLines
    from fanout_pipeline.sources.parquet import Parquet
    from fanout_pipeline.sources.source import (
        BadInput,
        Chunk,
        Items,
        Source,
        Unreadable,
        Version,
    )
    from fanout_pipeline.sources.sql import Sql
    from fanout_pipeline.sources.text_lines import TextLines
    from fanout_pipeline.sources.whole_files import Files

__all__ = [
    "BadInput",
    "BudgetSpent",
    "Chunk",
    "Cluster",
    "ClusterFailed",
    "Csv",
    "Fanout",
    "FanoutIOManager",
    "FanoutSpec",
    "FileHandle",
    "Files",
    "IntegerLines",
    "ItemFailed",
    "Items",
    "JsonLines",
    "NoResults",
    "Options",
    "Parquet",
    "Results",
    "SetupFailed",
    "Source",
    "Sql",
    "TextLines",
    "Unreadable",
    "Upstream",
    "Version",
    "WorkerDied",
    "fan_out",
    "fanout_asset",
    "fanout_lab",
    "iter_results",
    "read_failures",
    "read_results",
    "write_results",
]

_MODULES = {
    "BadInput": "sources.source",
    "BudgetSpent": "engine.model.errors",
    "Chunk": "sources.source",
    "Cluster": "engine.model.cluster",
    "ClusterFailed": "engine.model.errors",
    "Csv": "sources.csv_files",
    "Fanout": "defs.component.fanout",
    "FanoutIOManager": "defs.guest.io_manager",
    "FanoutSpec": "engine.model.spec",
    "FileHandle": "sources.file_handle",
    "Files": "sources.whole_files",
    "IntegerLines": "sources.integer_lines",
    "ItemFailed": "engine.model.errors",
    "Items": "sources.source",
    "JsonLines": "sources.json_lines",
    "NoResults": "results.store.manifest",
    "Options": "engine.model.options",
    "Parquet": "sources.parquet",
    "Results": "results.results",
    "SetupFailed": "engine.model.errors",
    "Source": "sources.source",
    "Sql": "sources.sql",
    "TextLines": "sources.text_lines",
    "Unreadable": "sources.source",
    "Upstream": "defs.guest.upstream",
    "Version": "sources.source",
    "WorkerDied": "engine.model.errors",
    "fan_out": "engine.fan_out",
    "fanout_asset": "defs.guest.asset",
    "fanout_lab": "defs.lab.fanout_lab",
    "iter_results": "results.read_results",
    "read_failures": "results.failures",
    "read_results": "results.read_results",
    "write_results": "results.write_results",
}


if not TYPE_CHECKING:  # A type checker would take any name for one that is there.

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
