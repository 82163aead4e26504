"""How results are written, committed and read back in order.

A result folder `<name>/<strategy>` holds `part-00000.parquet` … (columns `index`, `result`) and
`_manifest.json`. It is complete or it is absent: see `folder`. Keep out: how the work is spread,
what the function does. Nothing here imports pandas until a caller asks for a DataFrame.
"""

from fanout_pipeline.parts.folder import ResultFolder
from fanout_pipeline.parts.manifest import Manifest, NoResults, PartRecord
from fanout_pipeline.parts.reading import iter_results, read_results
from fanout_pipeline.parts.writing import write_part, write_results

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
