"""Are the results of a run complete, in order and exact?

    verification   decides what to check against: the reference, new calls, or the input's count
    order_check    compares two result folders in flat memory; `matching` pairs what is out of place
    sampling       calls the function again on some items
    determinism    asks whether the function contradicts itself, before a result is called wrong
    differences    says by how much two results differ

Add here what compares results. Keep out: timing (trials), Dagster's asset checks (defs).
"""
