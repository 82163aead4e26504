"""How results are written, committed and read back in order.

A result folder shows `part-00000.parquet` and so on (columns `index` and `result`, or those that
docs/results.md describes); the names of all other files in it begin with `_`. It is complete or absent: see
`store.folder`.

Belongs here: anything about results on disk. Keep out: how the work is spread, and what the function
does. Nothing here imports pandas before a caller asks for a DataFrame, or Arrow before something is read
or written: Dagster loads the definitions in many processes that do neither.
"""
