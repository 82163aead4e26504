"""How results are written, committed and read back in order.

A result folder `<name>/<strategy>` holds `part-00000.parquet` … (columns `index`, `result`) and
`_manifest.json`. It is complete or it is absent: see `folder`. Keep out: how the work is spread,
what the function does. Nothing here imports pandas until a caller asks for a DataFrame, or Arrow
until something is read or written: Dagster loads the definitions in many processes that do neither.
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fanout_pipeline.parts.failed import read_failures
    from fanout_pipeline.parts.folder import ResultFolder
    from fanout_pipeline.parts.manifest import Manifest, NoResults, PartRecord
    from fanout_pipeline.parts.reading import iter_results, read_results
    from fanout_pipeline.parts.results import write_results
    from fanout_pipeline.parts.writing import write_part

__all__ = [
    "Manifest",
    "NoResults",
    "PartRecord",
    "ResultFolder",
    "iter_results",
    "read_failures",
    "read_results",
    "write_part",
    "write_results",
]
_DEFINED_IN = {
    "Manifest": "manifest",
    "NoResults": "manifest",
    "PartRecord": "manifest",
    "ResultFolder": "folder",
    "iter_results": "reading",
    "read_failures": "failed",
    "read_results": "reading",
    "write_part": "writing",
    "write_results": "results",
}


def __getattr__(name: str) -> object:
    # When it is asked for (PEP 562): a worker writes parts and needs nothing of the rest.
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DEFINED_IN[name]}"), name)
