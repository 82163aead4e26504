"""How results are written, committed and read back in order.

    types/    what type results have, and how Arrow stores them
    store/    generations, parts, ledger and manifest; `contract` is what other rooms may rely on
    files/    files that appear whole, locks, and changes that follow no symbolic link
    write, write_results, read, failures

A result folder shows `part-00000.parquet` and so on (columns `index` and `result`); the names of all other
files in it begin with `_`. It is complete or absent: see `store.folder`.

Belongs here: anything about results on disk. Add a kind of storage beside `store/folder.py`, and a type
of results in `types/`. Keep out: how the work is spread, and what the function does. Nothing here imports
pandas before a caller asks for a DataFrame, or Arrow before something is read or written: Dagster loads
the definitions in many processes that do neither.
"""
