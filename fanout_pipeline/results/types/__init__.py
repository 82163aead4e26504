"""From Python values to Arrow columns and back, without loss or with an error.

    calls --> buffer --> column --> infer, unless numbers or texts --> arrow_types --> a part

Belongs here: which type a column of results has, how it is stored and how it is read back. Add a type
where it is inferred (`infer`), combined (`kinds`) and stored (`arrow_types`). Keep out: files and folders.
"""
