"""How results are written, committed and read back in order.

A result folder holds `part-00000.parquet` and so on (columns `index` and `result`) and
`_manifest.json`. It is complete or it is absent: see `store.folder`. Keep out: how the work is spread,
and what the function does. Nothing here imports pandas until a caller asks for a DataFrame, or Arrow
until something is read or written: Dagster loads the definitions in many processes that do neither.
"""
