"""From Python values to Arrow columns and back, without loss or with an error.

    calls --> buffer --> column, through `plain` and `infer` unless numbers, texts, lists or dicts --> a part

Belongs here: which type a column of results has, how it is stored and how it is read back. Add a type
where it is inferred (`infer`), combined (`kinds`), stored (`arrow_types`) and stated (`stated`). Keep out:
files and folders.
"""
