"""How results are written, committed and read back in order.

A result folder `<name>/<strategy>` holds `part-00000.parquet` … (columns `index`, `result`) and
`_manifest.json`. It is complete or it is absent: see `folder`. Keep out: how the work is spread,
what the function does. Nothing here imports pandas until a caller asks for a DataFrame, or Arrow
until something is read or written: Dagster loads the definitions in many processes that do neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fanout_pipeline.parts.folder import ResultFolder
from fanout_pipeline.parts.manifest import Manifest, NoResults, PartRecord

if TYPE_CHECKING:
    from fanout_pipeline.parts.reading import iter_results, read_results
    from fanout_pipeline.parts.writing import write_part, write_results

_LATER = {
    "iter_results": "reading",
    "read_results": "reading",
    "write_part": "writing",
    "write_results": "writing",
}

__all__ = [
    "Manifest",
    "NoResults",
    "PartRecord",
    "ResultFolder",
    "iter_results",
    "read_results",
    "write_part",
    "write_results",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
