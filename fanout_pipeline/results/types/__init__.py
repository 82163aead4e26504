"""What type results have, and how Arrow and Parquet store them.

    calls --> buffer --> column --> infer, for all but numbers and texts --> arrow_types --> a part

`kinds` has the types and how they combine; `times` says which times Parquet can hold.
"""
